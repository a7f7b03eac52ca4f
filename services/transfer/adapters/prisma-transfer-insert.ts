import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { InsertOutcome, NewFile, NewTransfer } from '../ports.ts';
import {
  TRANSFER_COLUMNS,
  TRANSFER_WITH_FILES,
  type TransferRecord,
  type TransferWithFilesRecord,
  toHex,
  toTransferRow,
  toTransferWithFiles,
} from './prisma-transfer-rows.ts';

export type InsertAnswer = { readonly open_count: number; readonly inserted: boolean } & (
  | ({ readonly inserted: true } & TransferRecord)
  | { readonly inserted: false }
);

/**
 * Two statements in one transaction. The first takes the owner's lock; the second begins only then, so what it counts is
 * what every insert of this owner before it left, and neither the limit nor the Idempotency-Key can be raced past.
 */
export async function insertTransfer(
  database: Database,
  row: NewTransfer,
  files: readonly NewFile[],
  options: { maxOpen: number; expiresInSeconds: number },
): Promise<InsertOutcome> {
  const answers = await database.transaction([lockOwner(row), insertStatement(row, files, options)]);
  return insertOutcomeOf(database, row, files, options, answers[1]?.[0] as InsertAnswer | undefined);
}

export function lockOwner(row: Pick<NewTransfer, 'sessionId' | 'ownerAddress'>): Prisma.Sql {
  const owner = row.sessionId === null ? `address:${row.ownerAddress}` : `session:${row.sessionId}`;
  return Prisma.sql`SELECT pg_advisory_xact_lock(hashtextextended(${`peerlink.open ${owner}`}, 0))::text AS locked`;
}

/** What the insertion's answer means. */
export async function insertOutcomeOf(
  database: Database,
  row: NewTransfer,
  files: readonly NewFile[],
  options: { maxOpen: number },
  answer: InsertAnswer | undefined,
): Promise<InsertOutcome> {
  if (answer?.inserted === true) {
    return {
      outcome: 'inserted',
      row: { transfer: toTransferRow(answer), files: files.map((file) => ({ ...file, transferId: row.id })) },
    };
  }
  const [existing] = await database.query<TransferWithFilesRecord>(
    Prisma.sql`SELECT ${TRANSFER_WITH_FILES} FROM transfers t WHERE ${sameRequest(row)} LIMIT 1`,
  );
  if (existing !== undefined) return { outcome: 'exists', row: toTransferWithFiles(existing) };
  return { outcome: 'too_many', openCount: answer?.open_count ?? options.maxOpen };
}

/** The same id counts as a repeated request too: its first answer was lost. */
function sameRequest(row: NewTransfer): Prisma.Sql {
  return Prisma.sql`(t.id = ${row.id} OR (t.session_id = ${row.sessionId} AND t.idempotency_key = ${row.idempotencyKey}))`;
}

/**
 * Offers that nobody has accepted do not count as open: they hold no bytes, and have a bound of their own
 * (MAX_INBOX_ITEMS); else five people who do not answer would keep somebody from sending at all.
 * @param guard nothing is inserted unless this holds too
 */
export function insertStatement(
  row: NewTransfer,
  files: readonly NewFile[],
  options: { maxOpen: number; expiresInSeconds: number },
  guard: Prisma.Sql = Prisma.sql`true`,
): Prisma.Sql {
  const unsealed = files.filter((file) => file.digest === null).length;
  const unsized = files.filter((file) => file.sizeBytes === null).length;
  const knownBytes = files.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0);
  const isOwners =
    row.sessionId === null
      ? Prisma.sql`t.session_id IS NULL AND t.owner_address = ${row.ownerAddress}`
      : Prisma.sql`t.session_id = ${row.sessionId}`;
  return Prisma.sql`
    WITH open_ones AS (
      SELECT count(*)::int AS open_count FROM transfers t
      WHERE ${isOwners} AND t.state = 'open' AND t.expires_at > now() AND (t.kind <> 'direct' OR t.accepted_at IS NOT NULL)
    ), t AS (
      INSERT INTO transfers (
        id, share_id, kind, state, home_node_id, session_id, owner_address, upload_token_hash, password_hash,
        max_downloads, sender_name, idempotency_key, request_hash, file_count, unsealed_file_count, known_bytes,
        unsized_file_count, created_at, touched_at, expires_at
      )
      SELECT ${row.id}::text, ${row.shareId}::text, ${row.kind}::text, ${unsealed === 0 ? 'sealed' : 'open'}::text,
        ${row.homeNodeId}::text, ${row.sessionId}::text, ${row.ownerAddress}::text, ${row.uploadTokenHash}::bytea,
        ${row.passwordHash}::text, ${row.maxDownloads}::int, ${row.senderName}::text, ${row.idempotencyKey}::text,
        ${row.requestHash}::bytea, ${files.length}::int, ${unsealed}::int, ${knownBytes}::bigint, ${unsized}::int,
        now(), now(), now() + make_interval(secs => ${options.expiresInSeconds}::float8)
      FROM open_ones
      WHERE open_count < ${options.maxOpen}::int AND ${guard}
        AND NOT EXISTS (SELECT 1 FROM transfers t WHERE ${sameRequest(row)})
      RETURNING *
    ), inserted_files AS (
      INSERT INTO files (
        id, transfer_id, file_index, path, size_bytes, chunk_size_bytes, digest, expected_digest, media_type,
        last_modified_ms
      )
      SELECT f.id, t.id, f.file_index, f.path, f.size_bytes, f.chunk_size_bytes, decode(f.digest, 'hex'),
        decode(f.expected_digest, 'hex'), f.media_type, f.last_modified_ms
      FROM t, json_to_recordset(${filesAsJson(files)}::json) AS f(
        id text, file_index int, path text, size_bytes bigint, chunk_size_bytes int, digest text, expected_digest text,
        media_type text, last_modified_ms bigint
      )
    ), kept_session AS (
      UPDATE sessions s SET expires_at = greatest(s.expires_at, t.expires_at) FROM t
      WHERE s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
    )
    SELECT open_ones.open_count, t.id IS NOT NULL AS inserted, ${TRANSFER_COLUMNS} FROM open_ones LEFT JOIN t ON true`;
}

/** One parameter for all files: 1,000 of them cost one statement. */
function filesAsJson(files: readonly NewFile[]): string {
  return JSON.stringify(
    files.map((file) => ({
      id: file.id,
      file_index: file.index,
      path: file.path,
      size_bytes: file.sizeBytes,
      chunk_size_bytes: file.chunkSizeBytes,
      digest: file.digest === null ? null : toHex(file.digest),
      expected_digest: file.expectedDigest === null ? null : toHex(file.expectedDigest),
      media_type: file.mediaType,
      last_modified_ms: file.lastModifiedMs,
    })),
  );
}
