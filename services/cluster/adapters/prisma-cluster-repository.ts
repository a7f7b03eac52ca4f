import { randomBytes, randomUUID } from 'node:crypto';
import { Prisma } from '../../../prisma/generated/client.ts';
import type { NodeState } from '../../contracts/http.ts';
import type { Database } from '../../database/database.ts';
import { IN_TERM, termOf } from '../../database/leader-term.ts';
import type { ClusterRepository, NodeRow } from '../ports.ts';
import { createPrismaLeaderLease } from './prisma-leader-lease.ts';

interface NodeRecord {
  readonly id: string;
  readonly peer_url: string;
  readonly public_url: string | null;
  readonly state: NodeState;
  readonly unseen_ms: number;
  readonly is_given_up: boolean;
}

const SECRET_BYTES = 32;
/** Rows are renewed every ten seconds: fewer than three were missed. */
const IS_HERE = Prisma.sql`(n.state <> 'left' AND n.seen_at >= now() - interval '30 seconds')`;

/** Rows `cluster`, `nodes` and `leader_lease` in PostgreSQL or PGlite. */
export function createPrismaClusterRepository(database: Database): ClusterRepository {
  return {
    identity: async () => {
      await database.query(Prisma.sql`
        INSERT INTO cluster (id, cluster_id, secret)
        VALUES (1, ${randomUUID()}, ${new Uint8Array(randomBytes(SECRET_BYTES))}::bytea) ON CONFLICT (id) DO NOTHING`);
      const [row] = await database.query<{ cluster_id: string; secret: Uint8Array }>(
        Prisma.sql`SELECT cluster_id, secret FROM cluster WHERE id = 1`,
      );
      const { cluster_id: clusterId, secret } = row as { cluster_id: string; secret: Uint8Array };
      return { clusterId, secret };
    },
    // Who is seen is not given up: by a word, not by two times, since the clock may be set back behind the first of them.
    announce: async (node) => {
      await database.query(Prisma.sql`
        INSERT INTO nodes AS n (id, peer_url, public_url, state, seen_at, secret_mark, secret_since)
        VALUES (${node.id}, ${node.peerUrl}, ${node.publicUrl}, ${node.state}, now(), ${node.secretMark}, now())
        ON CONFLICT (id) DO UPDATE SET peer_url = excluded.peer_url, public_url = excluded.public_url,
          state = excluded.state, seen_at = now(), given_up_at = NULL, secret_mark = excluded.secret_mark,
          secret_since = CASE WHEN n.secret_mark = excluded.secret_mark AND ${IS_HERE} THEN n.secret_since
            ELSE now() END`);
    },
    listNodes: async () => {
      const records = await database.query<NodeRecord>(Prisma.sql`
        SELECT id, peer_url, public_url, state,
          greatest(0, extract(epoch FROM now() - seen_at) * 1000)::float8 AS unseen_ms,
          coalesce(given_up_at > seen_at, false) AS is_given_up
        FROM nodes ORDER BY id`);
      return records.map(toNodeRow);
    },
    listSecrets: async () => {
      const held = await database.query<{ id: string; secret_mark: string; held_ms: number }>(Prisma.sql`
        SELECT n.id, n.secret_mark, greatest(0, extract(epoch FROM now() - n.secret_since) * 1000)::float8 AS held_ms
        FROM nodes n WHERE n.secret_mark IS NOT NULL AND ${IS_HERE} ORDER BY n.id`);
      return held.map((row) => ({ nodeId: row.id, secretMark: row.secret_mark, heldMs: row.held_ms }));
    },
    forgetNodes: async (notSeenForSeconds, term) => {
      const forgotten = await database.query(Prisma.sql`
        WITH ${termOf(term)}
        DELETE FROM nodes n WHERE ${IN_TERM}
          AND n.seen_at < now() - make_interval(secs => ${notSeenForSeconds}::float8)
          AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.home_node_id = n.id AND t.state <> 'ended')
          AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.replica_node_id = n.id AND t.state <> 'ended')
        RETURNING n.id`);
      return forgotten.length;
    },
    markGone: async (notSeenForSeconds, term) => {
      // Who spoke last before the clock was set back would be there until that time comes again.
      const marked = await database.query(Prisma.sql`
        WITH ${termOf(term)}, set_back AS (
          UPDATE nodes SET seen_at = now() WHERE ${IN_TERM} AND seen_at > now() + interval '1 second'
        )
        UPDATE nodes n SET state = 'left' WHERE ${IN_TERM} AND n.state <> 'left'
          AND n.seen_at < now() - make_interval(secs => ${notSeenForSeconds}::float8)
        RETURNING n.id`);
      return marked.length;
    },
    giveUp: async (nodeId, notSeenForSeconds) => {
      const [given] = await database.query<{ given_up_at: Date }>(Prisma.sql`
        UPDATE nodes SET given_up_at = CASE WHEN given_up_at > seen_at THEN given_up_at ELSE now() END
        WHERE id = ${nodeId}
          AND (state = 'left' OR seen_at < now() - make_interval(secs => ${notSeenForSeconds}::float8))
        RETURNING given_up_at`);
      return given?.given_up_at ?? null;
    },
    singleCopies: async (afterId, limit) =>
      (
        await database.query<{ id: string; home_node_id: string }>(Prisma.sql`
          SELECT t.id, t.home_node_id FROM transfers t JOIN nodes n ON n.id = t.home_node_id
          WHERE t.state IN ('open', 'sealed') AND t.replica_state <> 'in_sync' AND t.expires_at > now()
            AND t.id > ${afterId} AND n.state IN ('healthy', 'degraded')
          ORDER BY t.id LIMIT ${limit}`)
      ).map((row) => ({ id: row.id, homeNodeId: row.home_node_id })),
    ...createPrismaLeaderLease(database),
  };
}

function toNodeRow(record: NodeRecord): NodeRow {
  return {
    id: record.id,
    peerUrl: record.peer_url,
    publicUrl: record.public_url,
    state: record.state,
    unseenMs: record.unseen_ms,
    isGivenUp: record.is_given_up,
  };
}
