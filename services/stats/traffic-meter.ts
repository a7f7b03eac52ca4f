import type { Clock } from '../kernel/clock.ts';
import type { TrafficCounter } from '../kernel/traffic.ts';

/** Rates are means over this time: short enough to follow, long enough not to flicker. */
const RATE_WINDOW_MS = 5_000;

interface Sample {
  readonly atMs: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

export interface TrafficReading {
  readonly clientBytesIn: number;
  readonly clientBytesOut: number;
  /** To and from other nodes. */
  readonly peerBytes: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

/** Totals since the start, and rates from samples that `sample` takes once a second. */
export class TrafficMeter implements TrafficCounter {
  readonly #clock: Clock;
  #inBytes = 0;
  #outBytes = 0;
  #peerBytes = 0;
  #samples: Sample[];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#samples = [{ atMs: clock.monotonicMs(), inBytes: 0, outBytes: 0 }];
  }

  add(direction: 'in' | 'out', bytes: number): void {
    if (direction === 'in') this.#inBytes += bytes;
    else this.#outBytes += bytes;
  }

  /** Bytes to and from other nodes, counted by the one that asks; none are a client's. */
  addPeer(bytes: number): void {
    this.#peerBytes += bytes;
  }

  sample(): void {
    const atMs = this.#clock.monotonicMs();
    this.#samples.push({ atMs, inBytes: this.#inBytes, outBytes: this.#outBytes });
    // One sample older than the window stays, so that the window is always covered.
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  read(): TrafficReading {
    const oldest = this.#samples[0];
    const seconds = oldest === undefined ? 0 : (this.#clock.monotonicMs() - oldest.atMs) / 1000;
    const rate = (now: number, before: number): number => (seconds <= 0 ? 0 : Math.round((now - before) / seconds));
    return {
      clientBytesIn: this.#inBytes,
      clientBytesOut: this.#outBytes,
      peerBytes: this.#peerBytes,
      bytesInPerSecond: rate(this.#inBytes, oldest?.inBytes ?? 0),
      bytesOutPerSecond: rate(this.#outBytes, oldest?.outBytes ?? 0),
    };
  }
}
