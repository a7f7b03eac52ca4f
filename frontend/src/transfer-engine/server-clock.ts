/**
 * What time it is at the server, as far as its answers tell: the visitor's own clock may be hours off, and what a link's
 * end is compared with must be the clock that made it. Pure: the visitor's clock comes in.
 */
export class ServerClock {
  readonly #ownMs: () => number;
  /** How far the server's clock is ahead of the visitor's; null until an answer has told. */
  #aheadMs: number | null = null;

  /** @param ownMs the visitor's clock, milliseconds since 1970; may be set while the page is open */
  constructor(ownMs: () => number) {
    this.#ownMs = ownMs;
  }

  /** To be called when a question goes out; the answer, whenever it comes, is told what stands in its header. */
  asked(): (told: string | null) => void {
    const askedMs = this.#ownMs();
    return (told) => {
      const toldMs = told === null ? Number.NaN : Date.parse(told);
      if (!Number.isNaN(toldMs)) this.#learn(toldMs, askedMs, this.#ownMs());
    };
  }

  /** Milliseconds since 1970, never ahead of the server's own; the visitor's time until the server has told. */
  nowMs(): number {
    return this.#ownMs() + (this.#aheadMs ?? 0);
  }

  /** Whether a time that the server named is over for certain: false while its clock is unknown, since it can be asked. */
  hasPassed(time: string): boolean {
    return this.#aheadMs !== null && Date.parse(time) < this.nowMs();
  }

  /** The server said so at some moment between question and answer: what agrees with that is kept, and else stands corrected. */
  #learn(toldMs: number, askedMs: number, answeredMs: number): void {
    const leastMs = toldMs - answeredMs;
    const mostMs = toldMs - askedMs;
    if (this.#aheadMs === null || this.#aheadMs < leastMs || this.#aheadMs > mostMs) this.#aheadMs = leastMs;
  }
}

/** One per page: every answer of the server's JSON side tells it. */
export const serverClock = new ServerClock(Date.now);
