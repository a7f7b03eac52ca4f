import { Prisma } from '../../../prisma/generated/client.ts';
import type { EndReason } from '../../contracts/http.ts';
import type { Database } from '../../database/database.ts';
import { IN_TERM, termOf } from '../../database/leader-term.ts';
import type { LeaderTerm } from '../../kernel/leader-term.ts';
import type {
  FileFate,
  OwnershipChange,
  ReplicaState,
  SealOutcome,
  TransferRepository,
  TransferRow,
  TransferWithFiles,
} from '../ports.ts';
import { dueIn } from './prisma-due-work.ts';
import { insertTransfer } from './prisma-transfer-insert.ts';
import {
  countByHome,
  listByHome,
  listByReplica,
  listBySession,
  listInSync,
  withFewFiles,
} from './prisma-transfer-lists.ts';
import {
  TRANSFER_COLUMNS,
  TRANSFER_WITH_FILES,
  type TransferRecord,
  type TransferWithFilesRecord,
  toTransferRow,
  toTransferWithFiles,
} from './prisma-transfer-rows.ts';

const TOUCH_GRAIN_SECONDS = 30;

type SealArguments = Parameters<TransferRepository['sealFile']>[0];

/** Rows `transfers` and `files` in PostgreSQL or PGlite. Each function is one transaction, nearly always one statement. */
export function createPrismaTransferRepository(database: Database): TransferRepository {
  return {
    insert: (row, files, options) => insertTransfer(database, row, files, options),
    findById: (id) => findOne(database, Prisma.sql`t.id = ${id}`),
    findByShareId: (shareId) => findOne(database, Prisma.sql`t.share_id = ${shareId}`),
    listBySession: (sessionId, limit, filesEach) => listBySession(database, sessionId, limit, filesEach),
    listByHome: (nodeId, afterId, limit) => listByHome(database, nodeId, afterId, limit),
    listByReplica: (nodeId, afterId, limit) => listByReplica(database, nodeId, afterId, limit),
    listInSync: (nodeId, homeNodeIds, limit) => listInSync(database, nodeId, homeNodeIds, limit),
    countByHome: (nodeId) => countByHome(database, nodeId),
    refresh: (ids) => refresh(database, ids),
    cas: (id, knownEpoch, change) => cas(database, id, knownEpoch, change),
    sealFile: (args) => sealFile(database, args),
    end: (id, reason) => end(database, id, reason),
    dueIn: (of) => dueIn(database, of),
    endExpired: async (options) => {
      const ended = await database.query<{ id: string }>(endExpiredStatement(options));
      return ended.map((row) => row.id);
    },
    touch: (ids) => touch(database, ids),
    change: async (id, change) => firstRow(await database.query<TransferRecord>(changeStatement(id, change))),
    fateOfFiles: (fileIds) => fateOfFiles(database, fileIds),
    deleteEndedRows: (olderThanSeconds, limit, term) => deleteEndedRows(database, olderThanSeconds, limit, term),
  };
}

function firstRow(records: readonly TransferRecord[]): TransferRow | null {
  return records[0] === undefined ? null : toTransferRow(records[0]);
}

async function findOne(database: Database, condition: Prisma.Sql): Promise<TransferWithFiles | null> {
  const [record] = await database.query<TransferWithFilesRecord>(
    Prisma.sql`SELECT ${TRANSFER_WITH_FILES} FROM transfers t WHERE ${condition}`,
  );
  return record === undefined ? null : toTransferWithFiles(record);
}

async function refresh(database: Database, ids: readonly string[]): Promise<readonly TransferRow[]> {
  if (ids.length === 0) return [];
  const records = await database.query<TransferRecord>(
    Prisma.sql`SELECT ${TRANSFER_COLUMNS} FROM transfers t WHERE t.id = ANY(${[...ids]}::text[])`,
  );
  return records.map(toTransferRow);
}

/** "UPDATE transfers SET <change>, epoch = epoch + 1 WHERE id = T AND epoch = $known AND state <> 'ended' RETURNING *." */
async function cas(
  database: Database,
  id: string,
  knownEpoch: number,
  change: OwnershipChange,
): Promise<TransferRow | null> {
  return firstRow(
    await database.query<TransferRecord>(Prisma.sql`
      UPDATE transfers t SET epoch = t.epoch + 1 ${assignments(change)}
      WHERE t.id = ${id} AND t.epoch = ${knownEpoch}::int AND t.state <> 'ended'
      RETURNING ${TRANSFER_COLUMNS}`),
  );
}

function assignments(change: OwnershipChange): Prisma.Sql {
  const parts: Prisma.Sql[] = [];
  if (change.homeNodeId !== undefined) parts.push(Prisma.sql`, home_node_id = ${change.homeNodeId}`);
  if (change.replicaNodeId !== undefined) parts.push(Prisma.sql`, replica_node_id = ${change.replicaNodeId}`);
  if (change.replicaState !== undefined) parts.push(Prisma.sql`, replica_state = ${change.replicaState}`);
  if (change.generation !== undefined) parts.push(Prisma.sql`, generation = ${change.generation}::int`);
  return parts.length === 0 ? Prisma.empty : Prisma.join(parts, ' ');
}

/**
 * "In one statement lock the transfer's row WHERE epoch = $known AND home = H AND state = 'open' and set files.digest;
 * last file: CAS(state = sealed)." The row counts its unsealed files, so two files sealed at once cannot both, or neither,
 * be the last: each update of the row sees the one before it.
 */
async function sealFile(database: Database, args: SealArguments): Promise<SealOutcome> {
  const [sealed] = await database.query<TransferRecord>(Prisma.sql`
    WITH owned AS (
      SELECT id FROM transfers WHERE id = ${args.transferId} AND epoch = ${args.knownEpoch}::int
        AND home_node_id = ${args.homeNodeId} AND state = 'open' FOR UPDATE
    ), before AS (
      SELECT f.id, f.size_bytes FROM files f, owned
      WHERE f.transfer_id = owned.id AND f.file_index = ${args.fileIndex}::int AND f.digest IS NULL
    ), file AS (
      UPDATE files f SET digest = ${args.digest}::bytea, size_bytes = ${args.sizeBytes}::bigint FROM before
      WHERE f.id = before.id AND f.digest IS NULL
        AND (f.size_bytes IS NULL OR f.size_bytes = ${args.sizeBytes}::bigint)
      RETURNING f.transfer_id, before.size_bytes IS NULL AS was_unsized
    )
    UPDATE transfers t SET
      unsealed_file_count = t.unsealed_file_count - 1,
      known_bytes = t.known_bytes + CASE WHEN file.was_unsized THEN ${args.sizeBytes}::bigint ELSE 0 END,
      unsized_file_count = t.unsized_file_count - CASE WHEN file.was_unsized THEN 1 ELSE 0 END,
      state = CASE WHEN t.unsealed_file_count = 1 THEN 'sealed' ELSE t.state END,
      epoch = t.epoch + CASE WHEN t.unsealed_file_count = 1 THEN 1 ELSE 0 END
    FROM file WHERE t.id = file.transfer_id
    RETURNING ${TRANSFER_COLUMNS}`);
  if (sealed !== undefined) return { outcome: 'sealed', transfer: toTransferRow(sealed), digest: args.digest };
  return sealedBefore(database, args);
}

/** No row changed: either this very seal was done before, or somebody else owns the transfer now. */
async function sealedBefore(database: Database, args: SealArguments): Promise<SealOutcome> {
  const [record] = await database.query<TransferRecord & { readonly has_same_digest: boolean }>(Prisma.sql`
    SELECT ${TRANSFER_COLUMNS}, EXISTS (
      SELECT 1 FROM files f WHERE f.transfer_id = t.id AND f.file_index = ${args.fileIndex}::int
        AND f.digest = ${args.digest}::bytea AND f.size_bytes = ${args.sizeBytes}::bigint
    ) AS has_same_digest FROM transfers t WHERE t.id = ${args.transferId}`);
  if (record === undefined) return { outcome: 'refused', transfer: null };
  const transfer = toTransferRow(record);
  return record.has_same_digest && transfer.homeNodeId === args.homeNodeId && transfer.state !== 'ended'
    ? { outcome: 'sealed', transfer, digest: args.digest }
    : { outcome: 'refused', transfer };
}

async function end(database: Database, id: string, reason: EndReason): Promise<boolean> {
  const ended = await database.query(Prisma.sql`
    UPDATE transfers SET state = 'ended', end_reason = ${reason}, ended_at = now(), epoch = epoch + 1
    WHERE id = ${id} AND state <> 'ended' RETURNING id`);
  return ended.length === 1;
}

function endExpiredStatement(options: Parameters<TransferRepository['endExpired']>[0]): Prisma.Sql {
  const { uploadTtlSeconds, leaseIdleSeconds, limit, term } = options;
  // A touch may be this much older than the last chunk: an upload that moves never ends, however short the time. Without
  // a time nothing is old enough.
  const afterSeconds = uploadTtlSeconds === null ? null : uploadTtlSeconds + TOUCH_GRAIN_SECONDS;
  const isAbandoned = Prisma.sql`(state = 'open' AND (kind = 'share' OR accepted_at IS NOT NULL) AND touched_at < now() - make_interval(secs => ${afterSeconds}::float8))`;
  // Whoever was counted last may still be reading. A limit that is raised meanwhile wins: the row is looked at again
  // when it is locked.
  const isUsedUp = Prisma.sql`(state = 'sealed' AND max_downloads IS NOT NULL AND max_downloads <= download_count
    AND ${leaseIdleSeconds}::float8 IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM leases l WHERE l.transfer_id = transfers.id
        AND l.used_at > now() - make_interval(secs => ${leaseIdleSeconds}::float8)
    ))`;
  return Prisma.sql`
    WITH ${termOf(term)}
    UPDATE transfers SET
      end_reason = CASE WHEN expires_at <= now() THEN 'expired' WHEN state = 'open' THEN 'aborted' ELSE 'used_up' END,
      state = 'ended', ended_at = now(), epoch = epoch + 1
    WHERE ${IN_TERM} AND id IN (
      SELECT id FROM transfers
      WHERE state IN ('open', 'sealed') AND (expires_at <= now() OR ${isAbandoned} OR ${isUsedUp})
      LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) AND state <> 'ended'
    RETURNING id`;
}

function changeStatement(id: string, change: { expiresInSeconds?: number; maxDownloads?: number | null }): Prisma.Sql {
  const parts: Prisma.Sql[] = [];
  if (change.expiresInSeconds !== undefined) {
    parts.push(Prisma.sql`expires_at = now() + make_interval(secs => ${change.expiresInSeconds}::float8)`);
  }
  if (change.maxDownloads !== undefined) parts.push(Prisma.sql`max_downloads = ${change.maxDownloads}::int`);
  if (parts.length === 0) parts.push(Prisma.sql`max_downloads = max_downloads`);
  // A session lives at least as long as its longest-lived transfer, and as what it has accepted.
  return Prisma.sql`
    WITH t AS (
      UPDATE transfers SET ${Prisma.join(parts, ', ')}
      WHERE id = ${id} AND state <> 'ended' AND expires_at > now() RETURNING *
    ), kept_session AS (
      UPDATE sessions s SET expires_at = greatest(s.expires_at, t.expires_at) FROM t
      WHERE s.revoked_at IS NULL AND s.expires_at > now() AND s.id IN (
        SELECT t.session_id FROM t
        UNION SELECT g.session_id FROM grants g WHERE g.transfer_id = ${id} AND g.state IN ('accepted', 'received')
      )
    )
    SELECT ${TRANSFER_COLUMNS} FROM t`;
}

async function touch(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  // To the minute is what the port asks for, so most of these calls write nothing.
  await database.query(Prisma.sql`
    UPDATE transfers SET touched_at = now()
    WHERE id = ANY(${[...ids]}::text[]) AND state = 'open'
      AND touched_at < now() - make_interval(secs => ${TOUCH_GRAIN_SECONDS}::float8)`);
}

async function deleteEndedRows(
  database: Database,
  olderThanSeconds: number,
  limit: number,
  term: LeaderTerm,
): Promise<number> {
  const deleted = await database.query(Prisma.sql`
    WITH ${termOf(term)}
    DELETE FROM transfers WHERE ${IN_TERM} AND id IN (
      SELECT id FROM transfers WHERE id IN (${withFewFiles(
        Prisma.sql`
          SELECT id, file_count, ended_at FROM transfers
          WHERE state = 'ended' AND ended_at < now() - make_interval(secs => ${olderThanSeconds}::float8)
          ORDER BY ended_at, id LIMIT ${limit}::int`,
        Prisma.sql`ended_at, id`,
      )}) FOR UPDATE SKIP LOCKED
    ) RETURNING id`);
  return deleted.length;
}

async function fateOfFiles(database: Database, fileIds: readonly string[]): Promise<ReadonlyMap<string, FileFate>> {
  if (fileIds.length === 0) return new Map();
  const rows = await database.query<FateRecord>(Prisma.sql`
    SELECT f.id, t.state, t.id AS transfer_id, t.epoch, t.home_node_id, t.replica_node_id, t.replica_state
    FROM files f JOIN transfers t ON t.id = f.transfer_id WHERE f.id = ANY(${[...fileIds]}::text[])`);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        fate: row.state === 'ended' ? 'ended' : 'kept',
        transferId: row.transfer_id,
        epoch: row.epoch,
        homeNodeId: row.home_node_id,
        replicaNodeId: row.replica_node_id,
        isReplicaInSync: row.replica_state === 'in_sync',
      },
    ]),
  );
}

interface FateRecord {
  readonly id: string;
  readonly state: string;
  readonly transfer_id: string;
  readonly epoch: number;
  readonly home_node_id: string;
  readonly replica_node_id: string | null;
  readonly replica_state: ReplicaState;
}
