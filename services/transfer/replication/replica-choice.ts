import type { ReplicaPlacement } from './ports.ts';

/** A node that failed as a replica is the last choice for so long; one that refused chunks is none. */
const AVOIDED_MS = 60_000;

export interface ReplicaChoiceDeps {
  readonly nodeId: string;
  readonly placement: ReplicaPlacement;
  /** For durations. */
  readonly nowMs: () => number;
}

/** Where the next copy of one transfer goes, by what became of the ones before. */
export class ReplicaChoice {
  readonly #deps: ReplicaChoiceDeps;
  /** Nodes that failed lately. At most as many as there are nodes. */
  readonly #avoided = new Map<string, { readonly untilMs: number; readonly hasRefused: boolean }>();

  constructor(deps: ReplicaChoiceDeps) {
    this.#deps = deps;
  }

  /** @param hasRefused it answered that it cannot take a chunk */
  failed(nodeId: string, hasRefused: boolean): void {
    const nowMs = this.#deps.nowMs();
    for (const [id, { untilMs }] of this.#avoided) if (untilMs <= nowMs) this.#avoided.delete(id);
    this.#avoided.set(nodeId, { untilMs: nowMs + AVOIDED_MS, hasRefused });
  }

  /** Null when no other healthy node has room. */
  async choose(): Promise<string | null> {
    const { nodeId, placement, nowMs } = this.#deps;
    const avoided = [...this.#avoided].filter(([, { untilMs }]) => untilMs > nowMs());
    const refusing = avoided.filter(([, { hasRefused }]) => hasRefused);
    const best = await placement.choose([nodeId, ...avoided.map(([id]) => id)]);
    if (best !== null || refusing.length === avoided.length) return best;
    return placement.choose([nodeId, ...refusing.map(([id]) => id)]);
  }
}
