import type { Probe } from './probe.ts';

/** A suspicion only: who decides probes for 3 s of its own. */
const SUSPICION_MS = 1_500;
/** Many streams that stand still ask once; an answer this old is asked for again. */
const FRESH_MS = 300;
/** A node that did not answer comes last where there is a choice, until then or until it answers. */
const DOUBT_MS = 10_000;
/** Nodes remembered; a cluster has fewer. And files that were looked for. */
const MAX_KEPT = 1_024;

interface Look {
  readonly alive: Promise<boolean>;
  endedAtMs: number | null;
}

/** Which other nodes answer, as far as this one has asked lately. */
export class PeerLiveness {
  readonly #probe: (nodeId: string, deadlineMs: number) => Promise<Probe>;
  readonly #looks = new Map<string, Look>();
  readonly #doubtedAtMs = new Map<string, number>();

  constructor(probe: (nodeId: string, deadlineMs: number) => Promise<Probe>) {
    this.#probe = probe;
  }

  /** Whether it answers within 1.5 s. Those who ask at the same time share a question. */
  isAlive(nodeId: string): Promise<boolean> {
    const known = this.#looks.get(nodeId);
    if (known !== undefined && (known.endedAtMs === null || performance.now() - known.endedAtMs < FRESH_MS))
      return known.alive;
    const look: Look = { alive: this.#look(nodeId, () => (look.endedAtMs = performance.now())), endedAtMs: null };
    keep(this.#looks, nodeId, look);
    return look.alive;
  }

  /** It failed somebody. */
  doubt(nodeId: string): void {
    keep(this.#doubtedAtMs, nodeId, performance.now());
  }

  isDoubtful(nodeId: string): boolean {
    const atMs = this.#doubtedAtMs.get(nodeId);
    return atMs !== undefined && performance.now() - atMs < DOUBT_MS;
  }

  async #look(nodeId: string, onEnd: () => void): Promise<boolean> {
    const probe = await this.#probe(nodeId, SUSPICION_MS).catch(() => null);
    onEnd();
    // This node could not ask: nothing is known of the other, so nobody leaves it.
    if (probe === null) return true;
    const isAlive = probe === 'alive';
    if (isAlive) this.#doubtedAtMs.delete(nodeId);
    else this.doubt(nodeId);
    return isAlive;
  }
}

/** The latest ones of at most 1,024. */
export function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KEPT && oldest !== undefined) map.delete(oldest);
}
