import { Semaphore } from '../../kernel/semaphore.ts';

/** Each filling has 4 MiB of chunks in memory, once more when they are hidden on their way, and as much at the replica. */
const AT_REST = 4;
/** Copies of what is being sent right now do not wait behind those of what nobody touches. */
const BEING_SENT = 12;
/** Replicas whose node leaves or is gone, that wait to be replaced. More are asked for again. */
const MAX_QUEUED = 1_000;

/** How many replicas the homes of one process fill at once, however many transfers have none. */
export class FillSlots {
  readonly #atRest = new Semaphore(AT_REST, MAX_QUEUED);
  readonly #beingSent = new Semaphore(BEING_SENT, 0);

  /** @returns what gives the slot back, or null when none is free: the next turn, or chunk, asks again */
  take(isBeingSent: boolean): (() => void) | null {
    return (isBeingSent ? this.#beingSent : this.#atRest).tryAcquire();
  }

  /** One of those that `take(false)` gives, in order; null when too many wait for one. */
  wait(): Promise<(() => void) | null> {
    return this.#atRest.acquire();
  }
}
