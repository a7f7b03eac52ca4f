import { randomUUID } from 'node:crypto';
import { Prisma } from '../../../prisma/generated/client.ts';
import { LEASE_MAX_OVERREAD, MAX_STREAMS_PER_LEASE } from '../../contracts/limits.ts';
import type { Database } from '../../database/database.ts';
import { refusalOf } from '../lease-budget.ts';
import type { BeginOutcome, DownloadLease, LeaseFlight, LeaseOutcome, LeaseRepository, PlannedFile } from '../ports.ts';

/** A lease whose streams were silent this long has none: the node that counted them is gone. */
const SILENT_STREAM_SECONDS = 10;
/** "has had no open stream for 1 s" */
const TAKE_UP_AFTER_SECONDS = 1;
/** Slots often come free long before their idle time is over. */
const MAX_RETRY_AFTER_SECONDS = 60;

interface LeaseRecord {
  readonly id: string;
  readonly transfer_id: string;
  readonly holder: string;
  readonly state: 'active' | 'consumed';
  readonly served_bytes: Readonly<Record<string, number>>;
}

interface AcquireAnswer {
  readonly is_open: boolean;
  readonly max_downloads: number | null;
  readonly download_count: number;
  readonly lease_id: string | null;
  readonly free_in_seconds: number | null;
}
interface SeenShare extends AcquireAnswer {
  readonly slots: number;
}

const LEASE_COLUMNS = Prisma.raw('l.id, l.transfer_id, l.holder, l.state, l.served_bytes');

/** Rows `leases`. Whoever may change how many slots are held locks the share's row first, always in this order. */
export function createPrismaLeaseRepository(database: Database): LeaseRepository {
  return {
    acquire: async (args) => {
      // Those who come while all slots are held do not wait in line for the row, in which whoever has one stands too.
      const [seen] = await database.query<SeenShare>(lookStatement(args));
      if (seen !== undefined && isFull(seen)) return outcomeOf(seen);
      const answers = await database.transaction([
        Prisma.sql`SELECT id FROM transfers WHERE id = ${args.transferId} FOR UPDATE`,
        returnIdleSlots(args.transferId, args.tokenHash, args.idleMs),
        acquireStatement(args),
      ]);
      return outcomeOf(answers[2]?.[0] as AcquireAnswer | undefined);
    },
    findByToken: async (transferId, tokenHash) => {
      const [record] = await database.query<LeaseRecord>(Prisma.sql`
        SELECT ${LEASE_COLUMNS} FROM leases l
        WHERE l.transfer_id = ${transferId} AND l.token_hash = ${tokenHash}::bytea`);
      return record === undefined ? null : toLease(record);
    },
    takeUp: (args) => takeUp(database, args),
    begin: (leaseId, flight, planned) => begin(database, leaseId, flight, planned),
    record: (leaseId, change) => record(database, leaseId, change),
    consume: (leaseId) => consume(database, leaseId),
  };
}

function asJson({ streamId, fileIndex, leftBytes, isZip }: LeaseFlight, told = 0): Prisma.Sql {
  return Prisma.sql`jsonb_build_object(${streamId}::text, jsonb_build_object(
    'file', ${fileIndex}::int, 'left', ${Math.max(0, leftBytes)}::bigint, 'zip', ${isZip}::boolean, 'told', ${told}::int,
    'at', extract(epoch FROM now())::float8))`;
}

const isFresh = Prisma.sql`(f.value ->> 'at')::float8 > extract(epoch FROM now()) - ${SILENT_STREAM_SECONDS}::int`;

/** As many as there are names: one that was begun while the database was away counts from its first word on, and no end counts twice. */
function countOf(flights: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(SELECT count(*)::int FROM jsonb_object_keys(${flights}))`;
}

/**
 * Whether a planned file would be served too often: what was sent of it, what streams at it have left, and once more for
 * each zip that has not come to it yet.
 */
function wouldBeTooMuch(planned: readonly PlannedFile[]): Prisma.Sql {
  return Prisma.sql`EXISTS (
    SELECT 1 FROM unnest(
      ${planned.map((file) => file.fileIndex)}::int[],
      ${planned.map((file) => file.sizeBytes)}::bigint[],
      ${planned.map((file) => file.plannedBytes)}::bigint[]
    ) AS p(file_index, size_bytes, planned_bytes)
    LEFT JOIN jsonb_each_text(l.served_bytes) s ON s.key = p.file_index::text
    LEFT JOIN (
      SELECT (f.value ->> 'file')::int AS file_index, (f.value ->> 'left')::bigint AS left_bytes,
        coalesce((f.value ->> 'zip')::boolean, false) AS is_zip
      FROM jsonb_each(l.flights) f WHERE ${isFresh}
    ) a ON a.file_index = p.file_index OR (a.is_zip AND a.file_index < p.file_index)
    GROUP BY p.file_index, p.size_bytes, p.planned_bytes, s.value
    HAVING p.planned_bytes + coalesce(s.value::bigint, 0) + coalesce(sum(CASE
        WHEN a.file_index = p.file_index THEN a.left_bytes
        WHEN a.file_index < p.file_index THEN p.size_bytes
      END), 0) > ${LEASE_MAX_OVERREAD}::int * p.size_bytes
  )`;
}

/** The lease's row is locked by the update, so what two nodes begin at once is counted one after the other. */
async function begin(
  database: Database,
  leaseId: string,
  flight: LeaseFlight,
  planned: readonly PlannedFile[],
): Promise<BeginOutcome> {
  const flights = Prisma.sql`(coalesce(
    (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(l.flights) f WHERE ${isFresh}), '{}'::jsonb
  ) || ${asJson(flight)})`;
  const begun = await database.query(Prisma.sql`
    UPDATE leases l SET used_at = now(), open_streams = ${countOf(flights)}, flights = ${flights}
    WHERE l.id = ${leaseId}
      AND (SELECT count(*) FROM jsonb_each(l.flights) f WHERE ${isFresh}) < ${MAX_STREAMS_PER_LEASE}::int
      AND NOT ${wouldBeTooMuch(planned)}
    RETURNING l.id`);
  if (begun.length === 1) return 'begun';
  const [lease] = await database.query<LeaseRecord>(
    Prisma.sql`SELECT ${LEASE_COLUMNS} FROM leases l WHERE l.id = ${leaseId}`,
  );
  return lease === undefined ? 'gone' : refusalOf(planned, toLease(lease).servedBytes);
}

async function record(
  database: Database,
  leaseId: string,
  { number, served, isLast, ...flight }: Parameters<LeaseRepository['record']>[1],
): Promise<boolean> {
  const flights = isLast
    ? Prisma.sql`(l.flights - ${flight.streamId}::text)`
    : Prisma.sql`(l.flights || ${asJson(flight, number)})`;
  const updated = await database.query(Prisma.sql`
    UPDATE leases l SET
      used_at = now(),
      open_streams = ${countOf(flights)},
      flights = ${flights},
      served_bytes = l.served_bytes || CASE
        WHEN coalesce((l.flights -> ${flight.streamId}::text ->> 'told')::int, 0) >= ${number}::int THEN '{}'::jsonb
        ELSE coalesce((
          SELECT jsonb_object_agg(c.file_index, c.served_bytes + coalesce(s.value::bigint, 0))
          FROM unnest(
            ${served.map((file) => String(file.fileIndex))}::text[], ${served.map((file) => file.servedBytes)}::bigint[]
          ) AS c(file_index, served_bytes)
          LEFT JOIN jsonb_each_text(l.served_bytes) s ON s.key = c.file_index
        ), '{}'::jsonb)
      END
    WHERE l.id = ${leaseId} RETURNING l.id`);
  return updated.length === 1;
}

/** 10 minutes idle and not consumed gives the slot back. */
function returnIdleSlots(transferId: string, ownTokenHash: Uint8Array, idleMs: number): Prisma.Sql {
  return Prisma.sql`
    DELETE FROM leases WHERE transfer_id = ${transferId} AND state = 'active' AND token_hash <> ${ownTokenHash}::bytea
      AND used_at <= now() - make_interval(secs => ${idleMs / 1000}::float8)
    RETURNING id`;
}

type AcquireArgs = Parameters<LeaseRepository['acquire']>[0];

/** The share, the lease that has this token already, and how many slots are held. */
function slotsOfShare({ transferId, tokenHash, idleMs }: AcquireArgs): Prisma.Sql {
  const idleTime = Prisma.sql`make_interval(secs => ${idleMs / 1000}::float8)`;
  return Prisma.sql`
    share AS (
      SELECT id, max_downloads, download_count, state <> 'ended' AND expires_at > clock_timestamp() AS is_open
      FROM transfers WHERE id = ${transferId}
    ), same AS (
      SELECT id FROM leases WHERE transfer_id = ${transferId} AND token_hash = ${tokenHash}::bytea
    ), held AS (
      SELECT count(*)::int AS slots, ceil(extract(epoch FROM min(used_at) + ${idleTime} - now()))::int AS free_in
      FROM leases WHERE transfer_id = ${transferId} AND state = 'active' AND used_at > now() - ${idleTime}
    )`;
}

/** Locks nothing and gives nothing. */
function lookStatement(args: AcquireArgs): Prisma.Sql {
  return Prisma.sql`
    WITH ${slotsOfShare(args)}
    SELECT share.is_open, share.max_downloads, share.download_count, held.free_in AS free_in_seconds,
      (SELECT id FROM same) AS lease_id, held.slots
    FROM share, held`;
}

function isFull({ lease_id, max_downloads, download_count, slots }: SeenShare): boolean {
  return lease_id === null && max_downloads !== null && slots + download_count >= max_downloads;
}

/** Its snapshot is taken after the share's row was locked: it sees every slot that was given before. */
function acquireStatement(args: AcquireArgs): Prisma.Sql {
  return Prisma.sql`
    WITH ${slotsOfShare(args)}, granted AS (
      INSERT INTO leases (id, transfer_id, token_hash, holder, node_id)
      SELECT ${randomUUID()}::text, share.id, ${args.tokenHash}::bytea, ${args.holder}::text, ${args.nodeId}::text
      FROM share, held
      WHERE share.is_open AND NOT EXISTS (SELECT 1 FROM same)
        AND (share.max_downloads IS NULL OR held.slots + share.download_count < share.max_downloads)
      RETURNING id
    )
    SELECT share.is_open, share.max_downloads, share.download_count, held.free_in AS free_in_seconds,
      coalesce((SELECT id FROM same), (SELECT id FROM granted)) AS lease_id
    FROM share, held`;
}

function outcomeOf(answer: AcquireAnswer | undefined): LeaseOutcome {
  if (answer === undefined || !answer.is_open) return { outcome: 'ended' };
  if (answer.lease_id !== null) return { outcome: 'granted', leaseId: answer.lease_id };
  if (answer.max_downloads !== null && answer.download_count >= answer.max_downloads) return { outcome: 'used_up' };
  const freeInSeconds = Math.max(1, answer.free_in_seconds ?? 1);
  return { outcome: 'slots_held', retryAfterSeconds: Math.min(freeInSeconds, MAX_RETRY_AFTER_SECONDS) };
}

/**
 * "Without a token only `Range: bytes=N-` from the same address may take up a lease that has had no open stream for 1 s,
 * and only for N at most 8 MiB below what that lease was served of the file." A file of which it was served nothing cannot
 * be gone on with. Of several leases the one served closest to N is taken; the old token is no longer one.
 */
async function takeUp(
  database: Database,
  args: Parameters<LeaseRepository['takeUp']>[0],
): Promise<DownloadLease | null> {
  const served = Prisma.sql`coalesce((c.served_bytes ->> ${String(args.fileIndex)}::text)::bigint, 0)`;
  const [record] = await database.query<LeaseRecord>(Prisma.sql`
    UPDATE leases l SET token_hash = ${args.tokenHash}::bytea, open_streams = 0, flights = '{}', used_at = now()
    WHERE l.id = (
      SELECT c.id FROM leases c JOIN transfers t ON t.id = c.transfer_id
      WHERE c.transfer_id = ${args.transferId} AND c.holder = ${args.holder}
        AND t.state <> 'ended' AND t.expires_at > now()
        AND ((c.open_streams = 0 AND c.used_at <= now() - make_interval(secs => ${TAKE_UP_AFTER_SECONDS}::float8))
          OR c.used_at <= now() - make_interval(secs => ${SILENT_STREAM_SECONDS}::float8))
        AND ${served} > 0 AND ${args.fromByte}::bigint >= ${served} - ${args.backtrackBytes}::bigint
      ORDER BY abs(${served} - ${args.fromByte}::bigint), c.id LIMIT 1 FOR UPDATE OF c SKIP LOCKED
    )
    RETURNING ${LEASE_COLUMNS}`);
  return record === undefined ? null : toLease(record);
}

/** Locks the share's row, then the lease; the count rises once however often this is repeated. */
async function consume(database: Database, leaseId: string): Promise<boolean> {
  const [answer] = await database.query<{ readonly is_consumed: boolean }>(Prisma.sql`
    WITH share AS (
      SELECT t.id FROM transfers t WHERE t.id = (SELECT transfer_id FROM leases WHERE id = ${leaseId}) FOR UPDATE
    ), lease AS (
      UPDATE leases l SET state = 'consumed', used_at = now() FROM share
      WHERE l.id = ${leaseId} AND l.transfer_id = share.id AND l.state = 'active'
      RETURNING l.transfer_id
    ), counted AS (
      UPDATE transfers t SET download_count = t.download_count + 1 FROM lease WHERE t.id = lease.transfer_id
      RETURNING t.id
    )
    SELECT EXISTS (SELECT 1 FROM counted) AS is_consumed`);
  if (answer?.is_consumed === true) return true;
  const [row] = await database.query<{ readonly state: string }>(
    Prisma.sql`SELECT state FROM leases WHERE id = ${leaseId}`,
  );
  return row?.state === 'consumed';
}

function toLease(record: LeaseRecord): DownloadLease {
  return {
    id: record.id,
    transferId: record.transfer_id,
    holder: record.holder,
    state: record.state,
    servedBytes: Object.fromEntries(
      Object.entries(record.served_bytes).map(([index, bytes]) => [index, Number(bytes)]),
    ),
  };
}
