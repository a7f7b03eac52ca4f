import { Prisma } from '../../../prisma/generated/client.ts';
import type { EndReason } from '../../contracts/http.ts';
import { INBOX_ITEM_KEPT_MS, RECEIVED_GRACE_MS } from '../../contracts/limits.ts';
import type { GrantState, Recipient } from '../../contracts/person.ts';
import type { Database } from '../../database/database.ts';
import { IN_TERM, termOf } from '../../database/leader-term.ts';
import type { LeaderTerm } from '../../kernel/leader-term.ts';
import type { DirectRepository } from '../direct/ports.ts';
import { IS_SHOWN, readInboxes } from './prisma-inbox.ts';
import { findText, insertDirect, insertText, OUTBOX_WITH_OFFERS } from './prisma-outbox.ts';
import { reached, receive } from './prisma-receipts.ts';

/** Ended in one turn of the leader; the next turn goes on. */
const ENDED_A_TURN = 500;

/** Rows `grants`, `outbox` and `receipts` in PostgreSQL or PGlite. */
export function createPrismaDirectRepository(database: Database): DirectRepository {
  return {
    insert: (row, files, options, envelope) => insertDirect(database, row, files, options, envelope),
    sendText: (text) => insertText(database, text),
    findText: (sessionId, idempotencyKey) => findText(database, sessionId, idempotencyKey),
    accept: (transferId, sessionId) => accept(database, transferId, sessionId),
    decline: async (transferId, sessionId) => {
      const [changed, found] = await database.transaction([
        declineStatement(transferId, sessionId),
        Prisma.sql`SELECT state FROM grants WHERE transfer_id = ${transferId} AND session_id = ${sessionId}`,
      ]);
      if (found?.[0] === undefined) return null;
      const [row] = (changed ?? []) as { state: 'declined' | 'left' }[];
      return { changedTo: row?.state ?? null };
    },
    grantState: async (transferId, sessionId) => {
      const [grant] = await database.query<{ state: GrantState }>(Prisma.sql`
        SELECT g.state FROM grants g JOIN sessions s ON s.id = g.session_id AND s.revoked_at IS NULL
        WHERE g.transfer_id = ${transferId} AND g.session_id = ${sessionId}`);
      return grant?.state ?? null;
    },
    recipients: (transferIds) => recipients(database, transferIds),
    receive: (reports) => receive(database, reports),
    reached: (of) => reached(database, of),
    inboxes: (asked) => readInboxes(database, asked),
    seen: async (sessionId, sequence) => {
      await database.query(Prisma.sql`
        UPDATE outbox SET seen_at = now()
        WHERE session_id = ${sessionId} AND sequence <= ${sequence}::bigint AND seen_at IS NULL`);
    },
    dismiss: (sessionId, itemId) => dismiss(database, sessionId, itemId),
    endOver: async (of) => {
      const ended = await database.query<{ id: string }>(endOverStatement(of));
      return ended.map(({ id }) => id);
    },
    settle: async (limit, term) => {
      const changed = (
        await database.transaction([expireStatement(limit, term), leaveStatement(term), completeStatement(term)])
      ).flat() as { transfer_id: string; state: 'expired' | 'left' | 'received'; is_new: boolean }[];
      return {
        transferIds: [...new Set(changed.map((row) => row.transfer_id))],
        outcomes: changed.filter((row) => row.is_new).map((row) => row.state),
      };
    },
    deleteOver: async (limit, term) => {
      const deleted = await database.query(deleteOverStatement(limit, term));
      return deleted.length;
    },
  };
}

interface GrantRecord {
  readonly state: GrantState;
  readonly is_late: boolean;
  readonly share_id: string;
  readonly transfer_expires_at: Date;
  readonly is_over: boolean;
  readonly end_reason: EndReason | null;
}

/** The first one to accept opens the transfer for chunks. The recipient's session lives as long as what it takes. */
async function accept(database: Database, transferId: string, sessionId: string) {
  const [changed, found] = await database.transaction([
    Prisma.sql`
      WITH g AS (
        UPDATE grants SET state = 'accepted', answered_at = now()
        WHERE transfer_id = ${transferId} AND session_id = ${sessionId} AND state = 'offered' AND expires_at > now()
          AND EXISTS (SELECT 1 FROM transfers t WHERE t.id = ${transferId} AND t.state <> 'ended' AND t.expires_at > now())
        RETURNING transfer_id, session_id
      ), opened AS (
        UPDATE transfers t SET accepted_at = coalesce(t.accepted_at, now()), touched_at = now() FROM g
        WHERE t.id = g.transfer_id RETURNING t.expires_at
      ), kept AS (
        UPDATE sessions s SET expires_at = greatest(s.expires_at, opened.expires_at) FROM g, opened
        WHERE s.id = g.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
      )
      SELECT session_id FROM g`,
    Prisma.sql`
      SELECT g.state, g.state = 'offered' AND g.expires_at <= now() AS is_late, t.share_id,
        t.expires_at AS transfer_expires_at, t.state = 'ended' OR t.expires_at <= now() AS is_over, t.end_reason
      FROM grants g JOIN transfers t ON t.id = g.transfer_id
      WHERE g.transfer_id = ${transferId} AND g.session_id = ${sessionId}`,
  ]);
  const grant = found?.[0] as GrantRecord | undefined;
  if (grant === undefined) return null;
  return {
    state: grant.is_late ? 'expired' : grant.state,
    shareId: grant.share_id,
    transferExpiresAt: grant.transfer_expires_at,
    isTransferOver: grant.is_over,
    endReason: grant.end_reason,
    hasChanged: changed?.[0] !== undefined,
  };
}

function declineStatement(transferId: string, sessionId: string): Prisma.Sql {
  return Prisma.sql`
    UPDATE grants SET state = CASE state WHEN 'offered' THEN 'declined' ELSE 'left' END, answered_at = now()
    WHERE transfer_id = ${transferId} AND session_id = ${sessionId} AND state IN ('offered', 'accepted')
      AND EXISTS (SELECT 1 FROM transfers t WHERE t.id = ${transferId} AND t.state <> 'ended')
    RETURNING state`;
}

async function recipients(database: Database, transferIds: readonly string[]) {
  const found = new Map<string, Recipient[]>();
  if (transferIds.length === 0) return found;
  const records = await database.query<{
    readonly transfer_id: string;
    readonly session_id: string;
    readonly display_name: string;
    readonly state: GrantState;
    readonly received_bytes: bigint;
  }>(Prisma.sql`
    SELECT transfer_id, session_id, display_name, received_bytes,
      CASE WHEN state = 'offered' AND expires_at <= now() THEN 'expired' ELSE state END AS state
    FROM grants WHERE transfer_id = ANY(${[...transferIds]}::text[]) ORDER BY transfer_id, created_at, session_id`);
  for (const record of records) {
    const list = found.get(record.transfer_id) ?? [];
    list.push({
      id: record.session_id,
      displayName: record.display_name,
      state: record.state,
      receivedBytes: Number(record.received_bytes),
    });
    found.set(record.transfer_id, list);
  }
  return found;
}

/** One statement: an offer that is taken out of sight and not declined would keep its sender waiting for an hour. */
async function dismiss(database: Database, sessionId: string, itemId: string) {
  const [item] = await database.query<{ declined: string | null }>(Prisma.sql`
    WITH item AS (
      UPDATE outbox SET dismissed_at = coalesce(dismissed_at, now()), seen_at = coalesce(seen_at, now())
      WHERE id = ${itemId} AND session_id = ${sessionId} RETURNING transfer_id
    ), declined AS (
      UPDATE grants g SET state = 'declined', answered_at = now() FROM item, transfers t
      WHERE g.transfer_id = item.transfer_id AND t.id = item.transfer_id AND t.state <> 'ended'
        AND g.session_id = ${sessionId} AND g.state = 'offered' RETURNING g.transfer_id
    )
    SELECT declined.transfer_id AS declined FROM item LEFT JOIN declined ON true`);
  return item ?? null;
}

/**
 * "It ends when each accepted recipient has it all or has left": nobody may still answer or take bytes. Who has it all by
 * its socket's word only has a while to come back for what was lost on the way.
 */
function endOverStatement(of: readonly string[] | LeaderTerm): Prisma.Sql {
  const isLeader = 'epoch' in of;
  const grace = Prisma.raw(`interval '${RECEIVED_GRACE_MS / 1000} seconds'`);
  return Prisma.sql`
    WITH ${isLeader ? Prisma.sql`${termOf(of)},` : Prisma.empty} due AS (
      SELECT t.id, CASE
        WHEN bool_or(g.state = 'received') THEN 'delivered'
        WHEN bool_or(g.state = 'left') THEN 'left'
        WHEN bool_or(g.state = 'declined') THEN 'declined'
        ELSE 'expired' END AS reason
      FROM transfers t JOIN grants g ON g.transfer_id = t.id
      WHERE t.kind = 'direct' AND t.state IN ('open', 'sealed')
        AND ${isLeader ? IN_TERM : Prisma.sql`t.id = ANY(${[...(of as readonly string[])]}::text[])`}
      GROUP BY t.id
      HAVING bool_and(CASE g.state
        WHEN 'offered' THEN g.expires_at <= now()
        WHEN 'accepted' THEN false
        WHEN 'received' THEN t.state = 'sealed' AND (g.is_written OR g.received_at <= now() - ${grace})
        ELSE true END)
      LIMIT ${ENDED_A_TURN}
    )
    UPDATE transfers t SET state = 'ended', end_reason = due.reason, ended_at = now(), epoch = t.epoch + 1
    FROM due WHERE t.id = due.id AND t.state <> 'ended' RETURNING t.id`;
}

/** Of a transfer that its sender had ended before they are not new. */
function expireStatement(limit: number, term: LeaderTerm): Prisma.Sql {
  return Prisma.sql`
    WITH ${termOf(term)}
    UPDATE grants g SET state = 'expired', answered_at = now() FROM transfers t
    WHERE ${IN_TERM} AND t.id = g.transfer_id AND g.state = 'offered' AND (g.transfer_id, g.session_id) IN (
      SELECT transfer_id, session_id FROM grants WHERE state = 'offered' AND expires_at <= now()
      ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) RETURNING g.transfer_id, g.state, coalesce(t.end_reason, 'expired') = 'expired' AS is_new`;
}

/** A session that is over answers nothing and reads nothing any more: nobody waits for it. */
function leaveStatement(term: LeaderTerm): Prisma.Sql {
  return Prisma.sql`
    WITH ${termOf(term)}
    UPDATE grants g SET state = CASE g.state WHEN 'offered' THEN 'expired' ELSE 'left' END, answered_at = now()
    FROM transfers t
    WHERE ${IN_TERM} AND t.id = g.transfer_id AND t.kind = 'direct' AND t.state IN ('open', 'sealed')
      AND g.state IN ('offered', 'accepted') AND NOT EXISTS (
        SELECT 1 FROM sessions s WHERE s.id = g.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
      )
    RETURNING g.transfer_id, g.state, true AS is_new`;
}

/** Of a file of unknown length the last bytes are often counted before its length is written. */
function completeStatement(term: LeaderTerm): Prisma.Sql {
  return Prisma.sql`
    WITH ${termOf(term)}
    UPDATE grants g SET state = 'received', received_at = now() FROM transfers t
    WHERE ${IN_TERM} AND t.id = g.transfer_id AND t.kind = 'direct' AND t.state = 'sealed' AND g.state = 'accepted'
      AND t.known_bytes > 0 AND g.received_bytes = t.known_bytes
    RETURNING g.transfer_id, g.state, true AS is_new`;
}

/** Offers go with their transfers at last; what is not shown any more goes sooner. */
function deleteOverStatement(limit: number, term: LeaderTerm): Prisma.Sql {
  const kept = Prisma.raw(`interval '${INBOX_ITEM_KEPT_MS / 1000} seconds'`);
  return Prisma.sql`
    WITH ${termOf(term)}
    DELETE FROM outbox WHERE ${IN_TERM} AND id IN (
      SELECT o.id FROM ${OUTBOX_WITH_OFFERS}
      WHERE (o.expires_at <= now() - ${kept} AND NOT ${IS_SHOWN}) OR o.dismissed_at <= now() - ${kept}
      LIMIT ${limit}
    ) RETURNING id`;
}
