import { MAX_NODES } from '../contracts/limits.ts';
import type { NodeFlow } from '../contracts/operator.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CountPeerBytes } from '../kernel/traffic.ts';

/** Rates are means over this time, as those of clients are. */
const RATE_WINDOW_MS = 5_000;

interface Totals {
  to: number;
  from: number;
}
interface Sample {
  readonly atMs: number;
  readonly totals: ReadonlyMap<string, Readonly<Totals>>;
}

/** How fast bytes go to and come from each other node, counted by the node that asks for them or sends them. */
export class FlowMeter {
  readonly #nodeId: string;
  readonly #clock: Clock;
  readonly #totals = new Map<string, Totals>();
  #samples: Sample[];

  constructor(nodeId: string, clock: Clock) {
    this.#nodeId = nodeId;
    this.#clock = clock;
    this.#samples = [{ atMs: clock.monotonicMs(), totals: new Map() }];
  }

  readonly add: CountPeerBytes = (nodeId, direction, bytes) => {
    let totals = this.#totals.get(nodeId);
    if (totals === undefined) {
      // Nodes come and go by the month; the one met first is most likely gone.
      const [first] = this.#totals.keys();
      if (this.#totals.size >= MAX_NODES && first !== undefined) this.#totals.delete(first);
      totals = { to: 0, from: 0 };
      this.#totals.set(nodeId, totals);
    }
    totals[direction] += bytes;
  };

  /** Called once a second. */
  sample(): void {
    const atMs = this.#clock.monotonicMs();
    const totals = new Map([...this.#totals].map(([nodeId, found]) => [nodeId, { ...found }]));
    this.#samples.push({ atMs, totals });
    // One sample older than the window stays, so that the window is always covered.
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  /** Those that are not 0. */
  flows(): readonly NodeFlow[] {
    const oldest = this.#samples[0];
    const seconds = oldest === undefined ? 0 : (this.#clock.monotonicMs() - oldest.atMs) / 1000;
    if (oldest === undefined || seconds <= 0) return [];
    const flows: NodeFlow[] = [];
    for (const [nodeId, now] of this.#totals) {
      const before = oldest.totals.get(nodeId) ?? { to: 0, from: 0 };
      const rates = { to: rateOf(now.to - before.to, seconds), from: rateOf(now.from - before.from, seconds) };
      if (rates.to > 0) flows.push({ fromNodeId: this.#nodeId, toNodeId: nodeId, bytesPerSecond: rates.to });
      if (rates.from > 0) flows.push({ fromNodeId: nodeId, toNodeId: this.#nodeId, bytesPerSecond: rates.from });
    }
    return flows;
  }
}

const rateOf = (bytes: number, seconds: number): number => Math.round(bytes / seconds);
