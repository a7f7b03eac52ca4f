import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { SampleRepository } from '../ports.ts';

interface SampleRecord {
  readonly node_id: string;
  readonly run_id: string;
  readonly at: Date;
  readonly client_bytes_in: bigint;
  readonly client_bytes_out: bigint;
  readonly peer_bytes: bigint;
}

/** Rows `traffic_samples` in PostgreSQL or PGlite. */
export function createPrismaSampleRepository(database: Database): SampleRepository {
  return {
    add: async (samples, keptMs) => {
      if (samples.length === 0) return;
      const rows = samples.map(
        (sample) => Prisma.sql`(${sample.nodeId}, ${sample.runId}, ${new Date(sample.atMs)}::timestamptz,
          ${BigInt(sample.clientBytesIn)}::bigint, ${BigInt(sample.clientBytesOut)}::bigint,
          ${BigInt(sample.peerBytes)}::bigint)`,
      );
      await database.query(Prisma.sql`
        WITH forgotten AS (
          DELETE FROM traffic_samples WHERE at < now() - make_interval(secs => ${keptMs / 1000}::float8)
        )
        INSERT INTO traffic_samples (node_id, run_id, at, client_bytes_in, client_bytes_out, peer_bytes)
        VALUES ${Prisma.join(rows)} ON CONFLICT DO NOTHING`);
    },
    between: async (fromMs, toMs) => {
      const records = await database.query<SampleRecord>(Prisma.sql`
        SELECT node_id, run_id, at, client_bytes_in, client_bytes_out, peer_bytes FROM traffic_samples
        WHERE at >= ${new Date(fromMs)}::timestamptz AND at < ${new Date(toMs)}::timestamptz`);
      return records.map((record) => ({
        nodeId: record.node_id,
        runId: record.run_id,
        atMs: record.at.getTime(),
        clientBytesIn: Number(record.client_bytes_in),
        clientBytesOut: Number(record.client_bytes_out),
        peerBytes: Number(record.peer_bytes),
      }));
    },
  };
}
