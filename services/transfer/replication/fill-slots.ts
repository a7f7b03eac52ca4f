import { Semaphore } from '../../kernel/semaphore.ts';

/** Each filling has 4 MiB of chunks in memory, once more when they are hidden on their way, and as much at the replica. */
const AT_REST = 4;
/** Copies of what is being sent right now do not wait behind those of what nobody touches. */
const BEING_SENT = 12;
/** Replicas whose node leaves or is gone, that wait to be replaced; and as many that are not there yet. More are asked for again. */
const MAX_QUEUED = 1_000;

/** How many replicas the homes of one process fill at once, however many transfers have none. */
export class FillSlots {
  readonly #atRest = new Semaphore(AT_REST, MAX_QUEUED);
  readonly #beingSent = new Semaphore(BEING_SENT, 0);
  /** Whoever is first in it waits among the replacements: those have a node that leaves, and go before all the others. */
  readonly #line = new Semaphore(1, MAX_QUEUED);

  /** For what is being sent: what gives the slot back, or null when none is free. The next chunk asks again. */
  takeForSent(): (() => void) | null {
    return this.#beingSent.tryAcquire();
  }

  /** For what is at rest, in order; null when too many wait for one. */
  async wait(): Promise<(() => void) | null> {
    const leave = await this.#line.acquire();
    if (leave === null) return null;
    try {
      return await this.#atRest.acquire();
    } finally {
      leave();
    }
  }

  /** The same, before all who `wait`. */
  waitToReplace(): Promise<(() => void) | null> {
    return this.#atRest.acquire();
  }
}
