/** What one run of a node carried in the STEP_MS from `atMs`. Bytes of bodies. */
export interface TrafficSample {
  readonly nodeId: string;
  /** Names a run of the process, so that a step that was begun before a restart and ended after it is two samples. */
  readonly runId: string;
  /** Milliseconds since 1970, a multiple of STEP_MS. */
  readonly atMs: number;
  readonly clientBytesIn: number;
  readonly clientBytesOut: number;
  readonly peerBytes: number;
}

export interface SampleRepository {
  /** Adds what is not there yet, in one statement, and forgets all that are older than `keptMs`. Repeatable. */
  add(samples: readonly TrafficSample[], keptMs: number): Promise<void>;
  /** Every node's samples with `fromMs <= atMs < toMs`. */
  between(fromMs: number, toMs: number): Promise<readonly TrafficSample[]>;
}
