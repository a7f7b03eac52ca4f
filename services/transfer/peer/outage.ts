/** An answer that held so long was one: what breaks it is a new failure, not the old one going on. */
const HELD_MS = 1_000;

/**
 * How long a reader has been failed without a break. Standing still is no failure: a sender may pause for minutes, and so
 * may the reader's own client.
 */
export class Outage {
  readonly #nowMs: () => number;
  #failingSinceMs: number | null = null;
  #answeredAtMs: number | null = null;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** A node said that it has what is asked for. */
  answered(): void {
    this.#answeredAtMs ??= this.#nowMs();
  }

  /** Bytes came. */
  moved(): void {
    this.#failingSinceMs = null;
  }

  /** An attempt ended. @returns for how long none has succeeded, in ms */
  failed(): number {
    const nowMs = this.#nowMs();
    if (this.#answeredAtMs !== null && nowMs - this.#answeredAtMs >= HELD_MS) this.#failingSinceMs = null;
    this.#answeredAtMs = null;
    this.#failingSinceMs ??= nowMs;
    return nowMs - this.#failingSinceMs;
  }
}
