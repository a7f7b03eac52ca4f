import { MAX_NODES } from '../contracts/limits.ts';
import type { LastSnapshot, NodeSnapshot } from '../contracts/operator.ts';

/** What was last heard of each node: nodes pass it on, so that also a fresh one can tell of one that is gone. */
export class LastSnapshots {
  readonly #heard = new Map<string, LastSnapshot>();

  hear({ health, publicUrl, version }: NodeSnapshot, heardAtMs: number): void {
    this.#keep({ health, publicUrl, version, heardAtMs });
  }

  /** What another node heard; the later snapshot counts. */
  learn(snapshots: readonly LastSnapshot[]): void {
    for (const snapshot of snapshots) {
      const known = this.#heard.get(snapshot.health.nodeId);
      if (known === undefined || known.heardAtMs < snapshot.heardAtMs) this.#keep(snapshot);
    }
  }

  /** Of the nodes that do not answer. */
  silent(isAnswering: (nodeId: string) => boolean): readonly LastSnapshot[] {
    return [...this.#heard.values()].filter(({ health }) => !isAnswering(health.nodeId));
  }

  #keep(snapshot: LastSnapshot): void {
    const { nodeId } = snapshot.health;
    // The one that was heard longest ago makes room: each snapshot puts its node at the end.
    this.#heard.delete(nodeId);
    const [first] = this.#heard.keys();
    if (this.#heard.size >= MAX_NODES && first !== undefined) this.#heard.delete(first);
    this.#heard.set(nodeId, snapshot);
  }
}
