/** Time as the domains see it, so that tests can move it. */
export interface Clock {
  /** Milliseconds since 1970: a node has the database's time (`openDatabaseClock`), `systemClock` the machine's. May jump. */
  now(): number;
  /** Milliseconds since some moment; never goes back. For durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that stands still until it is told to move. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** The wall clock only, as somebody sets it. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }
}
