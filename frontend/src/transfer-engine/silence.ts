/** How long nothing has moved on an upload, and when another node is looked for because of it. Pure: the caller brings the time. */
export const PROBE_AFTER_MS = 3_000;
/** Moving again and again helps nobody on a line that is merely slow: each time without progress waits twice as long. */
const PROBE_AFTER_MOST_MS = 30_000;

export class Silence {
  #movedMs = 0;
  #probedMs = 0;
  #probeAfterMs = PROBE_AFTER_MS;

  moved(nowMs: number): void {
    this.#movedMs = nowMs;
  }

  /** Nothing is tried before then, so that nothing can move. */
  notBefore(timeMs: number): void {
    this.#movedMs = Math.max(this.#movedMs, timeMs);
  }

  isLongerThan(ms: number, nowMs: number): boolean {
    return nowMs - this.#movedMs >= ms;
  }

  /** Whether to look for another node now; asked again and again, it says so once for a while. */
  isProbeDue(nowMs: number): boolean {
    if (!this.isLongerThan(this.#probeAfterMs, nowMs) || nowMs - this.#probedMs < PROBE_AFTER_MS) return false;
    this.#probedMs = nowMs;
    return true;
  }

  /** Moved to another node without progress. */
  probeLater(): void {
    this.#probeAfterMs = Math.min(this.#probeAfterMs * 2, PROBE_AFTER_MOST_MS);
  }

  probeSoonAgain(): void {
    this.#probeAfterMs = PROBE_AFTER_MS;
  }
}
