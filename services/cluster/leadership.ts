import type { Clock } from '../kernel/clock.ts';
import type { ClusterRepository, LeaderLease } from './ports.ts';

/** How long a lease holds without being renewed: a dead leader is replaced within this time. */
export const LEASE_TTL_MS = 10_000;
/** Three chances to renew before it runs out. */
export const LEASE_RENEW_MS = 3_000;
/** Given up this long before the database would: the two clocks drift and the last act takes time. */
const LEASE_MARGIN_MS = 1_000;

export interface Leadership {
  /** One try to take or renew the lease. Resolves to the change of leader it saw, or null. */
  tick(): Promise<{ readonly nodeId: string; readonly epoch: number } | null>;
  /** Whether this node may act as leader right now. */
  isLeader(): boolean;
  /** The lease as last seen; null before the first answer. */
  current(): LeaderLease | null;
  resign(): Promise<void>;
}

/**
 * "Leader election: lease and epoch are a PostgreSQL row changed conditionally." This side only remembers until when
 * the row says so, by a clock that never goes back, counted from before the question was asked.
 */
export function createLeadership(
  nodeId: string,
  repository: Pick<ClusterRepository, 'tryLead' | 'resign'>,
  clock: Clock,
): Leadership {
  let lease: LeaderLease | null = null;
  let leadsUntilMs = Number.NEGATIVE_INFINITY;

  return {
    async tick() {
      const askedAtMs = clock.monotonicMs();
      const before = lease;
      lease = await repository.tryLead(nodeId, LEASE_TTL_MS);
      leadsUntilMs =
        lease.holderNodeId === nodeId ? askedAtMs + LEASE_TTL_MS - LEASE_MARGIN_MS : Number.NEGATIVE_INFINITY;
      const hasChanged = before?.holderNodeId !== lease.holderNodeId || before.epoch !== lease.epoch;
      return hasChanged ? { nodeId: lease.holderNodeId, epoch: lease.epoch } : null;
    },
    isLeader: () => clock.monotonicMs() < leadsUntilMs,
    current: () => lease,
    async resign() {
      const wasLeader = lease?.holderNodeId === nodeId;
      leadsUntilMs = Number.NEGATIVE_INFINITY;
      if (wasLeader) await repository.resign(nodeId);
    },
  };
}
