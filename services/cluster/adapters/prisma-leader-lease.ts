import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { ClusterRepository, LeaderLease } from '../ports.ts';

interface LeaseRecord {
  readonly holder_node_id: string;
  readonly epoch: number;
  readonly expires_at: Date;
}

/** The row `leader_lease` in PostgreSQL or PGlite. */
export function createPrismaLeaderLease(database: Database): Pick<ClusterRepository, 'tryLead' | 'resign' | 'leader'> {
  return {
    tryLead: (nodeId, ttlMs) => tryLead(database, nodeId, ttlMs),
    // The row stays: the epoch must never fall. Cut to the column's milliseconds: rounded up it would be led on for half a one.
    resign: async (nodeId) => {
      await database.query(Prisma.sql`
        UPDATE leader_lease SET expires_at = date_trunc('milliseconds', now())
        WHERE holder_node_id = ${nodeId} AND expires_at > now()`);
    },
    leader: async () => {
      const [record] = await database.query<LeaseRecord>(
        Prisma.sql`SELECT holder_node_id, epoch, expires_at FROM leader_lease WHERE expires_at > now()`,
      );
      return record === undefined ? null : toLease(record);
    },
  };
}

/**
 * One conditional statement: of two nodes that try at once the second one sees the first one's lease. One that ends later than
 * any that is given now was given before the clock was set back: who holds it is fenced by the epoch, if it lives.
 */
async function tryLead(database: Database, nodeId: string, ttlMs: number): Promise<LeaderLease> {
  const [taken] = await database.query<LeaseRecord>(Prisma.sql`
    INSERT INTO leader_lease AS l (id, holder_node_id, epoch, expires_at)
    VALUES (1, ${nodeId}, 1, now() + make_interval(secs => ${ttlMs / 1000}::float8))
    ON CONFLICT (id) DO UPDATE SET
      holder_node_id = excluded.holder_node_id,
      expires_at = excluded.expires_at,
      epoch = l.epoch + CASE WHEN l.holder_node_id = excluded.holder_node_id THEN 0 ELSE 1 END
    WHERE l.holder_node_id = excluded.holder_node_id OR l.expires_at <= now()
      OR l.expires_at > excluded.expires_at + make_interval(secs => ${ttlMs / 1000}::float8)
    RETURNING l.holder_node_id, l.epoch, l.expires_at`);
  if (taken !== undefined) return toLease(taken);
  const [held] = await database.query<LeaseRecord>(
    Prisma.sql`SELECT holder_node_id, epoch, expires_at FROM leader_lease WHERE id = 1`,
  );
  return toLease(held as LeaseRecord);
}

function toLease(record: LeaseRecord): LeaderLease {
  return { holderNodeId: record.holder_node_id, epoch: record.epoch, expiresAt: record.expires_at };
}
