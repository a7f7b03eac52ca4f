import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { LostTransfers } from '../lost-transfers.ts';

/** Nodes that an operator gave up on and that were not seen since. */
const GIVEN_UP = Prisma.sql`SELECT id FROM nodes WHERE given_up_at > seen_at`;

/** Rows of `transfers`, read and changed together with those of `nodes`: who came back meanwhile is not given up. */
export function createPrismaLostTransfers(database: Pick<Database, 'query'>): LostTransfers {
  return {
    count: async (nodeId) => {
      const gone = Prisma.sql`SELECT id FROM (${GIVEN_UP} UNION SELECT ${nodeId}) n`;
      const [counted] = await database.query<{
        homes: number;
        opens: number;
        seals: number;
        copies: number;
      }>(Prisma.sql`
        SELECT (count(*) FILTER (WHERE t.home_node_id = ${nodeId}))::int AS homes,
          (count(*) FILTER (WHERE t.state = 'open' AND ${isLost(gone)}))::int AS opens,
          (count(*) FILTER (WHERE t.state = 'sealed' AND ${isLost(gone)}))::int AS seals,
          (count(*) FILTER (WHERE t.home_node_id NOT IN (${gone})))::int AS copies
        FROM transfers t
        WHERE (t.home_node_id = ${nodeId} OR (t.replica_node_id = ${nodeId} AND t.replica_state = 'in_sync'))
          AND t.state IN ('open', 'sealed')`);
      const { homes, opens, seals, copies } = counted ?? { homes: 0, opens: 0, seals: 0, copies: 0 };
      return { homeCount: homes, openLostCount: opens, sealedLostCount: seals, copyCount: copies };
    },
    list: async (state, afterId, limit) => {
      const found = await database.query<{ id: string }>(Prisma.sql`
        SELECT t.id FROM transfers t
        WHERE t.state = ${state} AND t.id > ${afterId} AND ${isLost(GIVEN_UP)} ORDER BY t.id LIMIT ${limit}::int`);
      return found.map(({ id }) => id);
    },
    end: async (ids) => {
      const ended = await database.query(Prisma.sql`
        UPDATE transfers t SET state = 'ended', end_reason = 'node_lost', ended_at = now(), epoch = t.epoch + 1
        WHERE t.id = ANY(${[...ids]}::text[]) AND t.state <> 'ended' AND ${isLost(GIVEN_UP)} RETURNING t.id`);
      return ended.length;
    },
  };
}

/** Its home is among these, and no other node has it in sync. */
function isLost(gone: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(t.home_node_id IN (${gone})
    AND NOT (t.replica_state = 'in_sync' AND t.replica_node_id NOT IN (${gone})))`;
}
