import { Prisma } from '../../../prisma/generated/client.ts';
import { MAX_INBOX_ITEMS, MAX_INBOX_TEXT_BYTES } from '../../contracts/limits.ts';
import type { Database } from '../../database/database.ts';
import type { Envelope, NewText, SentText, TextOutcome, Undelivered } from '../direct/ports.ts';
import type { InsertOutcome, NewFile, NewTransfer } from '../ports.ts';
import { type InsertAnswer, insertOutcomeOf, insertStatement, lockOwner } from './prisma-transfer-insert.ts';

/**
 * What is sent to people. Who sends locks the rows of all sessions concerned first, in the order of their ids, so that
 * what it counts is what everybody before it left, and sequences are taken in the order of commits.
 */

/** Whether there is room, asked under the locks. */
interface LoadRecord {
  readonly are_there: boolean;
  readonly has_sender_room: boolean;
  readonly have_recipients_room: boolean;
}

export async function insertDirect(
  database: Database,
  row: NewTransfer,
  files: readonly NewFile[],
  options: { readonly maxOpen: number; readonly expiresInSeconds: number; readonly offerTtlSeconds: number },
  envelope: Envelope | null,
): Promise<InsertOutcome | Undelivered> {
  const answers = await database.transaction([
    lockOwner(row),
    lockSessions(envelope),
    loadStatement(envelope),
    insertStatement(row, files, options, Prisma.sql`(SELECT ${HAS_ROOM} FROM (${loadStatement(envelope)}) load)`),
    offerStatement(row.id, options.offerTtlSeconds, envelope),
    evictStatement(envelope),
  ]);
  const answer = answers[3]?.[0] as InsertAnswer | undefined;
  const outcome = await insertOutcomeOf(database, row, files, options, answer);
  const load = answers[2]?.[0] as LoadRecord | undefined;
  const isTooMany = outcome.outcome === 'too_many' && outcome.openCount >= options.maxOpen;
  if (outcome.outcome !== 'too_many' || isTooMany) return outcome;
  return undelivered(load) ?? { outcome: 'gone' };
}

export async function insertText(database: Database, message: NewText): Promise<TextOutcome> {
  const { envelope, idempotencyKey } = message;
  const senderId = envelope.sender.id;
  const answers = await database.transaction([
    lockOwner({ sessionId: senderId, ownerAddress: '' }),
    lockSessions(envelope),
    loadStatement(envelope, message.text),
    sentBeforeStatement(senderId, idempotencyKey),
    textStatement(message),
    evictStatement(envelope),
  ]);
  const before = answers[3]?.[0] as SentRecord | undefined;
  if (before !== undefined) return { outcome: 'exists', ...toSentText(before) };
  const sent = answers[4]?.[0] as { created_at: Date } | undefined;
  if (sent !== undefined) return { outcome: 'sent', sentAt: sent.created_at };
  return undelivered(answers[2]?.[0] as LoadRecord | undefined) ?? { outcome: 'gone' };
}

export async function findText(database: Database, sessionId: string, key: string): Promise<SentText | null> {
  const [before] = await database.query<SentRecord>(sentBeforeStatement(sessionId, key));
  return before === undefined ? null : toSentText(before);
}

interface SentRecord {
  readonly created_at: Date;
  readonly request_hash: Uint8Array | null;
}

function toSentText({ created_at, request_hash }: SentRecord): SentText {
  return { sentAt: created_at, requestHash: request_hash ?? new Uint8Array() };
}

function sentBeforeStatement(senderId: string, idempotencyKey: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT created_at, request_hash FROM outbox
    WHERE sender_session_id = ${senderId} AND idempotency_key = ${idempotencyKey} LIMIT 1`;
}

function undelivered(load: LoadRecord | undefined): Undelivered | null {
  if (load === undefined || !load.are_there) return { outcome: 'gone' };
  if (!load.has_sender_room) return { outcome: 'full', isSenders: true };
  return load.have_recipients_room ? null : { outcome: 'full', isSenders: false };
}

const idsOf = (envelope: Envelope | null): string[] => envelope?.recipients.map(({ id }) => id) ?? [];

function lockSessions(envelope: Envelope | null): Prisma.Sql {
  const ids = envelope === null ? [] : [...idsOf(envelope), envelope.sender.id];
  return Prisma.sql`SELECT id FROM sessions WHERE id = ANY(${ids}::text[]) ORDER BY id FOR UPDATE`;
}

const HAS_ROOM = Prisma.sql`are_there AND has_sender_room AND have_recipients_room`;

/** Not answered yet: an offer that runs, or a text that was not shown. */
const IS_WAITING = Prisma.sql`(o.dismissed_at IS NULL AND o.expires_at > now() AND CASE o.kind
  WHEN 'text' THEN o.seen_at IS NULL ELSE g.state = 'offered' AND t.state <> 'ended' END)`;
/** `outbox` as `o` with what belongs to an offer. */
export const OUTBOX_WITH_OFFERS = Prisma.sql`outbox o
  LEFT JOIN transfers t ON t.id = o.transfer_id
  LEFT JOIN grants g ON g.transfer_id = o.transfer_id AND g.session_id = o.session_id`;

/** @param text what is to be put into each inbox */
function loadStatement(envelope: Envelope | null, text = ''): Prisma.Sql {
  const ids = idsOf(envelope);
  return Prisma.sql`
    SELECT ${ids.length}::int > 0 AND (
      SELECT count(*) FROM sessions s WHERE s.id = ANY(${ids}::text[]) AND s.revoked_at IS NULL AND s.expires_at > now()
    ) = ${ids.length}::int AS are_there,
    (SELECT count(*) FROM ${OUTBOX_WITH_OFFERS} WHERE o.sender_session_id = ${envelope?.sender.id ?? ''} AND ${IS_WAITING})
      + ${ids.length}::int <= ${MAX_INBOX_ITEMS}::int AS has_sender_room,
    NOT EXISTS (
      SELECT 1 FROM ${OUTBOX_WITH_OFFERS} WHERE o.session_id = ANY(${ids}::text[]) AND ${IS_WAITING}
      GROUP BY o.session_id HAVING count(*) >= ${MAX_INBOX_ITEMS}::int
        OR sum(coalesce(octet_length(o.text), 0)) + ${Buffer.byteLength(text)}::int > ${MAX_INBOX_TEXT_BYTES}::int
    ) AS have_recipients_room`;
}

/** Recipients with the sequence that each was given. */
function numbered(envelope: Envelope, condition: Prisma.Sql): Prisma.Sql {
  const given = JSON.stringify(
    envelope.recipients.map(({ id, displayName, itemId }, place) => ({
      place,
      item_id: itemId,
      session_id: id,
      display_name: displayName,
    })),
  );
  return Prisma.sql`
    recipient AS (
      SELECT r.* FROM json_to_recordset(${given}::json) AS r(place int, item_id text, session_id text, display_name text)
      WHERE ${condition}
    ), numbered AS (
      UPDATE sessions s SET outbox_sequence = s.outbox_sequence + 1 FROM recipient r
      WHERE s.id = r.session_id RETURNING s.id, s.outbox_sequence
    )`;
}

/** Nothing when the transfer was not inserted. Grants are a millisecond apart, so that their order is the sender's. */
function offerStatement(transferId: string, ttlSeconds: number, envelope: Envelope | null): Prisma.Sql {
  if (envelope === null) return Prisma.sql`SELECT 1 WHERE false`;
  const isNew = Prisma.sql`EXISTS (SELECT 1 FROM transfers t WHERE t.id = ${transferId}) AND NOT EXISTS (
    SELECT 1 FROM grants g WHERE g.transfer_id = ${transferId})`;
  return Prisma.sql`
    WITH ${numbered(envelope, isNew)}, offer AS (
      SELECT least(t.expires_at, now() + make_interval(secs => ${ttlSeconds}::float8)) AS expires_at
      FROM transfers t WHERE t.id = ${transferId}
    ), granted AS (
      INSERT INTO grants (transfer_id, session_id, display_name, created_at, expires_at)
      SELECT ${transferId}::text, r.session_id, r.display_name, now() + make_interval(secs => r.place / 1000.0), o.expires_at
      FROM recipient r, offer o
    )
    INSERT INTO outbox (id, session_id, sequence, kind, transfer_id, sender_session_id, sender_name, expires_at)
    SELECT r.item_id, r.session_id, n.outbox_sequence, 'offer', ${transferId}::text, ${envelope.sender.id}::text,
      ${envelope.sender.displayName}::text, o.expires_at
    FROM recipient r JOIN numbered n ON n.id = r.session_id CROSS JOIN offer o`;
}

function textStatement({ envelope, text, ttlSeconds, idempotencyKey, requestHash }: NewText): Prisma.Sql {
  const isNew = Prisma.sql`(SELECT ${HAS_ROOM} FROM (${loadStatement(envelope, text)}) load) AND NOT EXISTS (
    SELECT 1 FROM outbox o WHERE o.sender_session_id = ${envelope.sender.id} AND o.idempotency_key = ${idempotencyKey})`;
  return Prisma.sql`
    WITH ${numbered(envelope, isNew)}
    INSERT INTO outbox (
      id, session_id, sequence, kind, sender_session_id, sender_name, text, idempotency_key, request_hash, expires_at
    )
    SELECT r.item_id, r.session_id, n.outbox_sequence, 'text', ${envelope.sender.id}::text,
      ${envelope.sender.displayName}::text, ${text}::text, ${idempotencyKey}::text, ${requestHash}::bytea,
      now() + make_interval(secs => ${ttlSeconds}::float8)
    FROM recipient r JOIN numbered n ON n.id = r.session_id
    RETURNING created_at`;
}

/** An inbox holds so many, and so much text: what nobody waits for any more goes first, the oldest of it. */
function evictStatement(envelope: Envelope | null): Prisma.Sql {
  return Prisma.sql`
    DELETE FROM outbox WHERE id IN (
      SELECT id FROM (
        SELECT o.id, o.kind, row_number() OVER kept AS place,
          sum(coalesce(octet_length(o.text), 0)) OVER kept AS text_bytes
        FROM ${OUTBOX_WITH_OFFERS} WHERE o.session_id = ANY(${idsOf(envelope)}::text[])
        WINDOW kept AS (PARTITION BY o.session_id ORDER BY CASE
          WHEN ${IS_WAITING} THEN 0
          WHEN o.dismissed_at IS NOT NULL THEN 3
          WHEN g.state = 'accepted' AND t.state <> 'ended' THEN 1
          ELSE 2
        END, o.sequence DESC)
      ) placed
      WHERE place > ${MAX_INBOX_ITEMS}::int OR (kind = 'text' AND text_bytes > ${MAX_INBOX_TEXT_BYTES}::int)
    )`;
}
