/** How far back the rate looks: long enough to be calm, short enough to notice a change. */
const WINDOW_MS = 5_000;
const MIN_SPAN_MS = 300;
const MAX_SAMPLES = 64;

/** How long the rest of it takes at this rate, in milliseconds; null while the rate or the whole is not known. */
export function leftMsAt(bytesPerSecond: number | null, doneBytes: number, totalBytes: number | null): number | null {
  return bytesPerSecond && totalBytes !== null ? (Math.max(0, totalBytes - doneBytes) / bytesPerSecond) * 1000 : null;
}

/** Bytes per second over the last few seconds, from samples of a growing total. Pure: the caller brings the time. */
export class RateMeter {
  #samples: { atMs: number; bytes: number }[] = [];

  reset(): void {
    this.#samples = [];
  }

  note(totalBytes: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    // A total that falls (a run was cut) must not read as a negative rate: begin anew.
    if (last && totalBytes < last.bytes) this.reset();
    this.#samples.push({ atMs: nowMs, bytes: totalBytes });
    while (this.#samples.length > MAX_SAMPLES || nowMs - (this.#samples[0]?.atMs ?? nowMs) > WINDOW_MS) {
      this.#samples.shift();
    }
  }

  /** null until there is enough to judge by, and when nothing was noted lately: a rate of long ago is none of now. */
  bytesPerSecond(nowMs: number): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || nowMs - last.atMs > WINDOW_MS || last.atMs - first.atMs < MIN_SPAN_MS) return null;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}
