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

export class BarrierPace implements Pace {
  readonly #bytesPerSecond: number;
  readonly #barrier: number;
  #begunAtMs: number | null = null;
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
    this.#begunAtMs ??= performance.now();
    while (!this.#mayMove(position)) await delay(LOOK_EVERY_MS, undefined, { signal });
  }

  #mayMove(position: number): boolean {
    const now = performance.now();
    if (position < this.#barrier) return this.#isDue(now - (this.#begunAtMs ?? now), position);
    return this.#liftedAtMs !== null && this.#isDue(now - this.#liftedAtMs, position - this.#barrier);
  }

  #isDue(elapsedMs: number, bytes: number): boolean {
    return (elapsedMs / 1000) * this.#bytesPerSecond >= bytes;
  }
}
