import { Prisma } from '../../prisma/generated/client.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';

/**
 * For the WITH of a leader's statement: the lease's row, locked until the statement has taken effect, so that nobody can
 * take the lead in between; no row when the term is over. The statement asks `EXISTS (SELECT 1 FROM term)`.
 */
export function termOf(term: LeaderTerm): Prisma.Sql {
  return Prisma.sql`term AS MATERIALIZED (
    SELECT l.epoch FROM leader_lease l
    WHERE l.holder_node_id = ${term.nodeId} AND l.epoch = ${term.epoch}::int AND l.expires_at > clock_timestamp()
    FOR SHARE
  )`;
}

export const IN_TERM = Prisma.sql`EXISTS (SELECT 1 FROM term)`;
