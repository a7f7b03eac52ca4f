import type { NodeState } from '../contracts/http.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';

export interface NodeRow {
  readonly id: string;
  readonly peerUrl: string;
  readonly publicUrl: string | null;
  readonly state: NodeState;
  /** Since it last said so here, by the database's clock: nobody's own clock is to judge another node. */
  readonly unseenMs: number;
  /** An operator gave up on it, and it was not seen since. */
  readonly isGivenUp: boolean;
}

/** What a node says of itself. */
export interface OwnNodeRow extends Omit<NodeRow, 'unseenMs' | 'isGivenUp'> {
  /** See `secretMark`. */
  readonly secretMark: string;
}

/** The secret of a node that is there. */
export interface HeldSecret {
  readonly nodeId: string;
  readonly secretMark: string;
  /** How long the node has been there with it, without a break. */
  readonly heldMs: number;
}

export interface LeaderLease {
  readonly holderNodeId: string;
  /** Rises by one with each change of holder, never falls. */
  readonly epoch: number;
  readonly expiresAt: Date;
}

/** Told beside the truth, so that a hand-over does not wait for the next look. May be lost. */
export interface LeaderHints {
  /** The lease was taken or given back. */
  tell(): void;
  listen(listener: () => void): void;
}

/** Rows `cluster`, `nodes` and the leader's lease; conditional updates only. Throws `unavailable` when it cannot answer. */
export interface ClusterRepository {
  /** Makes the one row with a random id and secret when there is none; both are kept for ever. */
  identity(): Promise<{ readonly clusterId: string; readonly secret: Uint8Array }>;
  announce(node: OwnNodeRow): Promise<void>;
  listNodes(): Promise<readonly NodeRow[]>;
  /** Of the nodes that were seen for the last half minute and did not say that they left. */
  listSecrets(): Promise<readonly HeldSecret[]>;
  /** Forgets nodes not seen for this long that are no transfer's home or replica. An effect of the leader. */
  forgetNodes(notSeenForSeconds: number, term: LeaderTerm): Promise<number>;
  /** Says `left` of nodes not seen for this long, which could not say it themselves. An effect of the leader. */
  markGone(notSeenForSeconds: number, term: LeaderTerm): Promise<number>;
  /**
   * Records that an operator gives up on a node, unless it was seen for this long and did not say that it left; repeatable.
   * What the node announces later takes it back. @returns since when it is given up; null: it was seen, or there is no such row
   */
  giveUp(nodeId: string, notSeenForSeconds: number): Promise<Date | null>;
  /** Transfers without an in-sync replica whose home is there, ascending by id. */
  singleCopies(
    afterId: string,
    limit: number,
  ): Promise<readonly { readonly id: string; readonly homeNodeId: string }[]>;
  /** Takes the lease when it is free or expired, or renews it when held by `nodeId`. Returns the lease as it now is. */
  tryLead(nodeId: string, ttlMs: number): Promise<LeaderLease>;
  resign(nodeId: string): Promise<void>;
  leader(): Promise<LeaderLease | null>;
}
