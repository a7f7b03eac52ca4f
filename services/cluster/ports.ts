import type { NodeState } from '../contracts/http.ts';

export interface NodeRow {
  readonly id: string;
  readonly peerUrl: string;
  readonly publicUrl: string | null;
  readonly state: NodeState;
  readonly seenAt: Date;
}

export interface LeaderLease {
  readonly holderNodeId: string;
  /** Rises by one with each change of holder, never falls. */
  readonly epoch: number;
  readonly expiresAt: Date;
}

/** Rows `cluster`, `nodes` and the leader's lease; conditional updates only. Throws `unavailable` when it cannot answer. */
export interface ClusterRepository {
  /** Makes the one row with a random id and secret when there is none; both are kept for ever. */
  identity(): Promise<{ readonly clusterId: string; readonly secret: Uint8Array }>;
  announce(node: Omit<NodeRow, 'seenAt'>): Promise<void>;
  listNodes(): Promise<readonly NodeRow[]>;
  /** Forgets nodes not seen for this long that are no transfer's home or replica. */
  forgetNodes(notSeenForSeconds: number): Promise<number>;
  /** Takes the lease when it is free or expired, or renews it when held by `nodeId`. Returns the lease as it now is. */
  tryLead(nodeId: string, ttlMs: number): Promise<LeaderLease>;
  resign(nodeId: string): Promise<void>;
  leader(): Promise<LeaderLease | null>;
}
