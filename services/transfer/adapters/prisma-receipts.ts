import { Prisma } from '../../../prisma/generated/client.ts';
import { MAX_RECEIPT_RANGES } from '../../contracts/limits.ts';
import type { GrantState } from '../../contracts/person.ts';
import type { Database } from '../../database/database.ts';
import type { Ranges } from '../../kernel/ranges.ts';
import type { ReceiptOf, ReceiptReport, ReceivedState } from '../direct/ports.ts';

interface GrantRecord {
  readonly transfer_id: string;
  readonly session_id: string;
  readonly state: GrantState;
  readonly has_changed: boolean;
}

/**
 * Rows `receipts`. A union of ranges knows no order and no repetition, so that several streams on several nodes, resumed
 * ones and reports that were sent twice all come to the same. The grants' rows are locked first: of two reports the second
 * one counts what the first has left.
 */
export async function receive(
  database: Database,
  reports: readonly ReceiptReport[],
): Promise<readonly ReceivedState[]> {
  if (reports.length === 0) return [];
  const given = Prisma.sql`json_to_recordset(${asJson(reports)}::json) AS r(
    transfer_id text, session_id text, file_index int, received text, written text)`;
  const [, , counted] = await database.transaction([
    Prisma.sql`
      SELECT g.state FROM grants g
      WHERE (g.transfer_id, g.session_id) IN (SELECT r.transfer_id, r.session_id FROM ${given})
      ORDER BY g.transfer_id, g.session_id FOR UPDATE`,
    mergeStatement(given),
    countStatement(given),
  ]);
  return ((counted ?? []) as GrantRecord[]).map((row) => ({
    transferId: row.transfer_id,
    sessionId: row.session_id,
    state: row.state,
    hasChanged: row.has_changed,
  }));
}

/** See DirectRepository.reached. */
export async function reached(database: Database, of: readonly ReceiptOf[]): Promise<readonly number[]> {
  if (of.length === 0) return [];
  const given = JSON.stringify(
    of.map(({ transferId, sessionId, fileIndex }, place) => ({
      place,
      transfer_id: transferId,
      session_id: sessionId,
      file_index: fileIndex,
    })),
  );
  const found = await database.query<{ place: number; reached_bytes: bigint }>(Prisma.sql`
    SELECT r.place, upper(part) AS reached_bytes
    FROM json_to_recordset(${given}::json) AS r(place int, transfer_id text, session_id text, file_index int)
    JOIN receipts x ON x.transfer_id = r.transfer_id AND x.session_id = r.session_id AND x.file_index = r.file_index
    CROSS JOIN LATERAL unnest(x.received) AS part
    WHERE lower(part) = 0`);
  const byPlace = new Map(found.map(({ place, reached_bytes }) => [place, Number(reached_bytes)]));
  return of.map((_, place) => byPlace.get(place) ?? 0);
}

/** What was taken only in crumbs is merged later, when it is whole: a row stays small whatever a client asks for. */
function mergeStatement(given: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    INSERT INTO receipts (transfer_id, session_id, file_index, received, written)
    SELECT r.transfer_id, r.session_id, r.file_index, r.received::int8multirange * inside.file,
      r.written::int8multirange * inside.file
    FROM ${given}
    JOIN grants g ON g.transfer_id = r.transfer_id AND g.session_id = r.session_id AND g.state IN ('accepted', 'received')
    JOIN files f ON f.transfer_id = r.transfer_id AND f.file_index = r.file_index
    CROSS JOIN LATERAL (SELECT int8multirange(int8range(0, f.size_bytes)) AS file) inside
    ON CONFLICT (transfer_id, session_id, file_index) DO UPDATE SET
      received = receipts.received + EXCLUDED.received, written = receipts.written + EXCLUDED.written
    WHERE (SELECT count(*) FROM unnest(receipts.received + EXCLUDED.received)) <= ${MAX_RECEIPT_RANGES}::int
      AND (SELECT count(*) FROM unnest(receipts.written + EXCLUDED.written)) <= ${MAX_RECEIPT_RANGES}::int`;
}

const lengthOf = (column: string): Prisma.Sql =>
  Prisma.raw(`coalesce(sum((SELECT sum(upper(part) - lower(part)) FROM unnest(x.${column}) AS part)), 0)`);

function countStatement(given: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    UPDATE grants g SET
      received_bytes = had.received_bytes,
      state = CASE WHEN had.is_whole THEN 'received' ELSE g.state END,
      received_at = CASE WHEN had.is_whole THEN now() END,
      is_written = had.is_whole AND had.is_written
    FROM (SELECT DISTINCT r.transfer_id, r.session_id FROM ${given}) pair
    JOIN grants before ON before.transfer_id = pair.transfer_id AND before.session_id = pair.session_id
    CROSS JOIN LATERAL (
      SELECT received_bytes, t.unsized_file_count = 0 AND received_bytes = t.known_bytes AS is_whole,
        written_bytes = t.known_bytes AND t.known_bytes > 0 AS is_written
      FROM transfers t, (
        SELECT ${lengthOf('received')} AS received_bytes, ${lengthOf('written')} AS written_bytes FROM receipts x
        WHERE x.transfer_id = pair.transfer_id AND x.session_id = pair.session_id
      ) sums
      WHERE t.id = pair.transfer_id
    ) had
    WHERE g.transfer_id = pair.transfer_id AND g.session_id = pair.session_id AND g.state IN ('accepted', 'received')
    RETURNING g.transfer_id, g.session_id, g.state, g.state <> before.state AS has_changed`;
}

function asJson(reports: readonly ReceiptReport[]): string {
  return JSON.stringify(
    reports.map(({ transferId, sessionId, fileIndex, ranges, isWritten }) => ({
      transfer_id: transferId,
      session_id: sessionId,
      file_index: fileIndex,
      received: multirange(ranges),
      written: isWritten ? multirange(ranges) : '{}',
    })),
  );
}

function multirange(ranges: Ranges): string {
  return `{${ranges.map(([from, to]) => `[${from},${to})`).join(',')}}`;
}
