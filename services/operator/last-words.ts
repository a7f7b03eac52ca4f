import type { LastWords, NodeWords } from '../contracts/operator.ts';

/** Far above any cluster that shares one PostgreSQL. */
const MAX_NODES = 256;

/** What was last heard of each node: nodes pass it on, so that also a fresh one can tell of one that is gone. */
export class WordsHeard {
  readonly #heard = new Map<string, LastWords>();

  hear({ health, publicUrl, version }: NodeWords, heardAtMs: number): void {
    this.#keep({ health, publicUrl, version, heardAtMs });
  }

  /** What another node heard; the later words count. */
  learn(words: readonly LastWords[]): void {
    for (const one of words) {
      const known = this.#heard.get(one.health.nodeId);
      if (known === undefined || known.heardAtMs < one.heardAtMs) this.#keep(one);
    }
  }

  /** Of the nodes that do not answer. */
  silent(isAnswering: (nodeId: string) => boolean): readonly LastWords[] {
    return [...this.#heard.values()].filter(({ health }) => !isAnswering(health.nodeId));
  }

  #keep(words: LastWords): void {
    const { nodeId } = words.health;
    // The one that was heard longest ago makes room: each new word puts its node at the end.
    this.#heard.delete(nodeId);
    const [first] = this.#heard.keys();
    if (this.#heard.size >= MAX_NODES && first !== undefined) this.#heard.delete(first);
    this.#heard.set(nodeId, words);
  }
}
