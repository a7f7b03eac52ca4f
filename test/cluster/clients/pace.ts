import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;

/**
 * How fast a client goes, and where it waits: faults are to strike in the middle of a transfer, so clients reach a
 * barrier there and go on from it together.
 */
export interface Pace {
  /** Waits until byte `position` may be moved; answers at once without a limit. @throws the signal's reason */
  until(position: number, signal: AbortSignal): Promise<void>;
}

export const UNPACED: Pace = { until: async () => {} };

/** One rate from the first byte to the last. */
export class SteadyPace implements Pace {
  readonly #bytesPerSecond: number;
  #begunAtMs: number | null = null;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  async until(position: number, signal: AbortSignal): Promise<void> {
    this.#begunAtMs ??= performance.now();
    while (!isDue(this.#begunAtMs, this.#bytesPerSecond, position)) await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** As fast as it can to the barrier, where it waits for `lift`; from there on at a rate at which a fault has time. */
export class BarrierPace implements Pace {
  readonly #bytesPerSecond: number;
  readonly #barrier: number;
  #liftedAtMs: number | null = null;
  #position = 0;

  /** @param barrier position in bytes beyond which nothing moves before `lift` */
  constructor(bytesPerSecond: number, barrier: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#barrier = barrier;
  }

  get isAtBarrier(): boolean {
    return this.#position >= this.#barrier;
  }

  lift(): void {
    this.#liftedAtMs ??= performance.now();
  }

  async until(position: number, signal: AbortSignal): Promise<void> {
    this.#position = Math.max(this.#position, position);
    while (!this.#mayMove(position)) await delay(LOOK_EVERY_MS, undefined, { signal });
  }

  #mayMove(position: number): boolean {
    if (position < this.#barrier) return true;
    return this.#liftedAtMs !== null && isDue(this.#liftedAtMs, this.#bytesPerSecond, position - this.#barrier);
  }
}

function isDue(sinceMs: number, bytesPerSecond: number, bytes: number): boolean {
  return ((performance.now() - sinceMs) / 1000) * bytesPerSecond >= bytes;
}
