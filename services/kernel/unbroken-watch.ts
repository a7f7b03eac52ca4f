/** Since when something has been seen without a break. What nobody could see, during a break, proves nothing. */
export class UnbrokenWatch {
  readonly #longestGapMs: number;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** @param longestGapMs two looks further apart than this have a break between them */
  constructor(longestGapMs: number) {
    this.#longestGapMs = longestGapMs;
  }

  /** A look that had an answer. */
  saw(nowMs: number): void {
    if (nowMs - this.#lastMs > this.#longestGapMs) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** From the first look after the last break until now; 0 in a break. */
  durationMs(nowMs: number): number {
    return nowMs - this.#lastMs > this.#longestGapMs ? 0 : nowMs - this.#sinceMs;
  }
}
