/** One node's time as leader. "Every effect is conditional on the epoch": each statement of the leader's carries it. */
export interface LeaderTerm {
  readonly nodeId: string;
  readonly epoch: number;
}
