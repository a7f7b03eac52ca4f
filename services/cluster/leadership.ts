import type { Clock } from '../kernel/clock.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import type { ClusterRepository, LeaderLease } from './ports.ts';

export interface LeaseTimes {
  /** How long a lease holds without being renewed. */
  readonly ttlMs: number;
  /** How often a leader renews it, and everybody else looks whether it has run out. */
  readonly renewMs: number;
}

/**
 * A dead leader is replaced between three and five seconds after its death: what is left of its lease, and the next try of
 * whoever comes first. There are three chances to renew before it runs out.
 */
export const CLUSTER_LEASE: LeaseTimes = { ttlMs: 4_000, renewMs: 1_000 };
/** Of a node whose database nobody else can open: its statements need a lease, and nobody is there to take it. */
export const LONE_LEASE: LeaseTimes = { ttlMs: 60_000, renewMs: 20_000 };
/** Given up this long before the database would: the two clocks drift and the last act takes time. */
const LEASE_MARGIN_MS = 1_000;

export interface Leadership {
  /**
   * To be called every `renewMs`: one try to renew the lease, or to take it when it may have run out. Resolves to the change of
   * leader it saw, or null.
   */
  tick(): Promise<LeaderTerm | null>;
  /** The same after a hint: the lease may have changed hands, whatever was seen of it last. */
  hear(): Promise<LeaderTerm | null>;
  /** Whether this node may act as leader right now. */
  isLeader(): boolean;
  /** What every statement of the leader's carries; null: this node may not act. */
  term(): LeaderTerm | null;
  /** The lease as last seen; null before the first answer. */
  current(): LeaderLease | null;
  /** Gives the lease back and takes none again: this node is leaving. */
  resign(): Promise<void>;
}

/**
 * "Leader election: lease and epoch are a PostgreSQL row changed conditionally." This side only remembers until when
 * the row says so, by a clock that never goes back, counted from before the question was asked. Somebody else's lease is not
 * asked for while it holds: nobody could take it.
 */
export function createLeadership(
  nodeId: string,
  repository: Pick<ClusterRepository, 'tryLead' | 'resign' | 'leader'>,
  clock: Clock,
  { ttlMs }: LeaseTimes = CLUSTER_LEASE,
): Leadership {
  let lease: LeaderLease | null = null;
  let leadsUntilMs = Number.NEGATIVE_INFINITY;
  let isOthersUntilMs = Number.NEGATIVE_INFINITY;
  let isHinted = false;
  let isLeaving = false;
  let ticking: Promise<unknown> = Promise.resolve();
  let waiting: Promise<LeaderTerm | null> | null = null;
  const isLeader = () => clock.monotonicMs() < leadsUntilMs;

  const tickOnce = async (): Promise<LeaderTerm | null> => {
    const askedAtMs = clock.monotonicMs();
    if (!isHinted && askedAtMs < isOthersUntilMs) return null;
    isHinted = false;
    isOthersUntilMs = Number.NEGATIVE_INFINITY;
    const before = lease;
    const found = isLeaving ? await repository.leader() : await repository.tryLead(nodeId, ttlMs);
    // Nobody leads: what was seen last stays, since an epoch is never taken back.
    if (found === null) return null;
    lease = found;
    const isOwn = found.holderNodeId === nodeId && !isLeaving;
    leadsUntilMs = isOwn ? askedAtMs + ttlMs - LEASE_MARGIN_MS : Number.NEGATIVE_INFINITY;
    if (found.holderNodeId !== nodeId) {
      isOthersUntilMs = askedAtMs + Math.min(found.expiresAt.getTime() - clock.now(), ttlMs);
    }
    const hasChanged = before?.holderNodeId !== found.holderNodeId || before.epoch !== found.epoch;
    return hasChanged ? { nodeId: found.holderNodeId, epoch: found.epoch } : null;
  };

  // One after another, so that an older answer never stands over a newer one; a hint that comes meanwhile costs one more.
  const tick = (): Promise<LeaderTerm | null> => {
    waiting ??= ticking.then(() => {
      waiting = null;
      const turn = tickOnce();
      ticking = turn.catch(() => undefined);
      return turn;
    });
    return waiting;
  };

  return {
    tick,
    hear() {
      isHinted = true;
      return tick();
    },
    isLeader,
    term: () => (lease !== null && isLeader() ? { nodeId, epoch: lease.epoch } : null),
    current: () => lease,
    async resign() {
      isLeaving = true;
      leadsUntilMs = Number.NEGATIVE_INFINITY;
      // What is being asked may take the lease yet.
      await ticking;
      if (lease?.holderNodeId === nodeId) await repository.resign(nodeId);
    },
  };
}
