import { once } from './once.ts';

/** At most `slots` at once; others wait in order, at most `maxQueued` of them. */
export class Semaphore {
  readonly #maxQueued: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(slots: number, maxQueued: number) {
    this.#free = slots;
    this.#maxQueued = maxQueued;
  }

  /** Resolves with the function that gives the slot back (repeatable), or null at once when the queue is full. */
  async acquire(): Promise<(() => void) | null> {
    const release = this.tryAcquire();
    if (release !== null) return release;
    if (this.#waiting.length >= this.#maxQueued) return null;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return once(() => this.#release());
  }

  /** The function that gives the slot back (repeatable), or null when none is free. */
  tryAcquire(): (() => void) | null {
    if (this.#free === 0) return null;
    this.#free -= 1;
    return once(() => this.#release());
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
