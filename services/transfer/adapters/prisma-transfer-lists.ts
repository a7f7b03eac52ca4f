import { Prisma } from '../../../prisma/generated/client.ts';
import { MAX_FILES_PER_TRANSFER } from '../../contracts/limits.ts';
import type { Database } from '../../database/database.ts';
import type { HomeCounts, TransferRow, TransferWithFiles } from '../ports.ts';
import {
  FILE_AS_JSON,
  type FileRecord,
  TRANSFER_COLUMNS,
  TRANSFER_WITH_FILES,
  type TransferRecord,
  type TransferWithFilesRecord,
  toFileRow,
  toTransferRow,
  toTransferWithFiles,
} from './prisma-transfer-rows.ts';

/** Transfers of one session, newest first, and the first files of each. */
export async function listBySession(database: Database, sessionId: string, limit: number, filesEach: number) {
  const records = await database.query<TransferRecord & { readonly files: readonly FileRecord[] }>(Prisma.sql`
    SELECT ${TRANSFER_COLUMNS}, coalesce(
      (SELECT json_agg(${FILE_AS_JSON} ORDER BY f.file_index) FROM files f
       WHERE f.transfer_id = t.id AND f.file_index < ${filesEach}::int), '[]'::json
    ) AS files
    FROM transfers t WHERE t.session_id = ${sessionId} AND t.state IN ('open', 'sealed')
    ORDER BY t.created_at DESC, t.id DESC LIMIT ${limit}`);
  return records.map((record) => ({
    transfer: toTransferRow(record),
    files: record.files.map((file) => toFileRow(record.id, file)),
    fileCount: record.file_count,
    totalBytes: record.unsized_file_count === 0 ? Number(record.known_bytes) : null,
  }));
}

/** Transfers at home at a node, with all their files, in the order of their ids. */
export async function listByHome(
  database: Database,
  nodeId: string,
  afterId: string | null,
  limit: number,
): Promise<readonly TransferWithFiles[]> {
  const records = await database.query<TransferWithFilesRecord>(Prisma.sql`
    SELECT ${TRANSFER_WITH_FILES} FROM transfers t WHERE t.id IN (${withFewFiles(
      Prisma.sql`
        SELECT id, file_count FROM transfers
        WHERE home_node_id = ${nodeId} AND state IN ('open', 'sealed') AND id > ${afterId ?? ''}
        ORDER BY id LIMIT ${limit}::int`,
      Prisma.sql`id`,
    )}) ORDER BY t.id`);
  return records.map(toTransferWithFiles);
}

/** Transfers whose replica a node is, in the order of their ids. */
export async function listByReplica(
  database: Database,
  nodeId: string,
  afterId: string | null,
  limit: number,
): Promise<readonly TransferRow[]> {
  const records = await database.query<TransferRecord>(Prisma.sql`
    SELECT ${TRANSFER_COLUMNS} FROM transfers t
    WHERE t.replica_node_id = ${nodeId} AND t.state IN ('open', 'sealed') AND t.id > ${afterId ?? ''}
    ORDER BY t.id LIMIT ${limit}`);
  return records.map(toTransferRow);
}

/** Those of them that are in sync, of these homes. */
export async function listInSync(
  database: Database,
  nodeId: string,
  homeNodeIds: readonly string[],
  limit: number,
): Promise<readonly TransferRow[]> {
  const records = await database.query<TransferRecord>(Prisma.sql`
    SELECT ${TRANSFER_COLUMNS} FROM transfers t
    WHERE t.replica_node_id = ${nodeId} AND t.replica_state = 'in_sync'
      AND t.home_node_id = ANY(${[...homeNodeIds]}::text[]) AND t.state IN ('open', 'sealed')
    ORDER BY t.id LIMIT ${limit}`);
  return records.map(toTransferRow);
}

export async function countByHome(database: Database, nodeId: string): Promise<HomeCounts> {
  // An empty file is whole in its row: nothing of it can be lost with a node.
  const hasBytes = Prisma.sql`(known_bytes > 0 OR unsized_file_count > 0)`;
  const [counted] = await database.query<{ homes: number; singles: number; directs: number }>(Prisma.sql`
    SELECT (count(*) FILTER (WHERE ${hasBytes}))::int AS homes,
      (count(*) FILTER (WHERE ${hasBytes} AND replica_state <> 'in_sync'))::int AS singles,
      (count(*) FILTER (WHERE kind = 'direct'))::int AS directs
    FROM transfers WHERE home_node_id = ${nodeId} AND state IN ('open', 'sealed')`);
  return {
    homeCount: counted?.homes ?? 0,
    singleCopyCount: counted?.singles ?? 0,
    directCount: counted?.directs ?? 0,
  };
}

/** Ids of the first of these rows, at least one: they have no more files in all than one transfer may have. */
export function withFewFiles(rows: Prisma.Sql, order: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`SELECT id FROM (
    SELECT id, sum(file_count) OVER (ORDER BY ${order}) AS files_so_far FROM (${rows}) listed
  ) counted WHERE files_so_far <= ${MAX_FILES_PER_TRANSFER}::int`;
}
