import { Prisma } from '../../../prisma/generated/client.ts';
import type { EndReason, TransferKind, TransferState } from '../../contracts/http.ts';
import type { Database } from '../../database/database.ts';
import type { ShownTransfers, TransferRowShown } from '../ports.ts';

interface ShownRecord {
  readonly id: string;
  readonly kind: TransferKind;
  readonly state: TransferState;
  readonly end_reason: EndReason | null;
  readonly home_node_id: string;
  readonly replica_node_id: string | null;
  readonly replica_state: string;
  readonly epoch: number;
  readonly file_count: number;
  readonly known_bytes: bigint;
  readonly unsized_file_count: number;
  readonly created_at: Date;
}

const COLUMNS = Prisma.raw(
  'id, kind, state, end_reason, home_node_id, replica_node_id, replica_state, epoch, file_count, known_bytes, ' +
    'unsized_file_count, created_at',
);

/** Rows `transfers` in PostgreSQL or PGlite, without names, owners and secrets. */
export function createPrismaShownTransfers(database: Pick<Database, 'query'>): ShownTransfers {
  return {
    list: async (ids, limit) => {
      // Each state by an index of its own: however many there are, so many rows are read.
      const newest = (state: TransferState) =>
        Prisma.sql`(SELECT id FROM transfers WHERE state = ${state} ORDER BY created_at DESC LIMIT ${limit}::int)`;
      const records = await database.query<ShownRecord>(Prisma.sql`
        SELECT ${COLUMNS} FROM transfers WHERE state IN ('open', 'sealed') AND id IN (
          SELECT unnest(${[...ids]}::text[]) UNION ${newest('open')} UNION ${newest('sealed')})`);
      return records.map(toShown);
    },
    count: async () => {
      const rows = await database.query<{ home_node_id: string; homes: number; singles: number }>(Prisma.sql`
        SELECT home_node_id, count(*)::int AS homes,
          (count(*) FILTER (WHERE replica_state <> 'in_sync'))::int AS singles
        FROM transfers WHERE state IN ('open', 'sealed') GROUP BY home_node_id`);
      const sum = (read: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + read(row), 0);
      return {
        transferCount: sum(({ homes }) => homes),
        singleCopyCount: sum(({ singles }) => singles),
        homeCounts: new Map(rows.map((row) => [row.home_node_id, row.homes])),
      };
    },
  };
}

function toShown(record: ShownRecord): TransferRowShown {
  return {
    id: record.id,
    kind: record.kind,
    state: record.state,
    endReason: record.end_reason,
    homeNodeId: record.home_node_id,
    replicaNodeId: record.replica_node_id,
    isReplicaInSync: record.replica_state === 'in_sync',
    epoch: record.epoch,
    fileCount: record.file_count,
    totalBytes: record.unsized_file_count === 0 ? Number(record.known_bytes) : null,
    createdAt: record.created_at.toISOString(),
  };
}
