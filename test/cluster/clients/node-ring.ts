import { setTimeout as delay } from 'node:timers/promises';
import { outcomeOf, Refusal } from './http.ts';

/** An address of the service, as a page knows it from /api/cluster. */
export interface Door {
  readonly name: string;
  /** `http://host:port`. */
  readonly url: string;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** PROTOCOL 14: types that the same request may be repeated after. */
const REPEATABLE = new Set([
  'request_timeout',
  'superseded',
  'rate_limited',
  'slots_held',
  'moved',
  'stale_epoch',
  'home_alive',
  'not_accepted',
]);

/**
 * The nodes as one client sees them: it stays with one until that fails, asks the next one at once, and backs off only
 * when it has asked them all in vain.
 */
export class NodeRing {
  readonly #doors: () => readonly Door[];
  #at: string;
  #failures = 0;
  #mostFailures = 0;

  constructor(doors: () => readonly Door[], first: Door) {
    this.#doors = doors;
    this.#at = first.name;
  }

  get door(): Door {
    const doors = this.#doors();
    const door = doors.find(({ name }) => name === this.#at) ?? doors[0];
    if (door === undefined) throw new Error('there is no node to ask');
    return door;
  }

  /** The most failures in a row without progress between them; giving up on a silent node counts. */
  get mostFailures(): number {
    return this.#mostFailures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Turns to the next node after a failure at `door`. @throws the fault when repeating it is of no use */
  async failed(door: Door, fault: unknown, signal: AbortSignal): Promise<void> {
    if (!mayRepeat(fault)) throw fault;
    this.#failures += 1;
    this.#mostFailures = Math.max(this.#mostFailures, this.#failures);
    const doors = this.#doors();
    if (this.#at === door.name) {
      const index = doors.findIndex(({ name }) => name === door.name);
      this.#at = doors[(index + 1) % doors.length]?.name ?? this.#at;
    }
    const rounds = Math.floor(this.#failures / Math.max(1, doors.length));
    const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** rounds);
    // Every node was asked: now what they said counts.
    const askedMs = rounds > 0 && fault instanceof Refusal ? (fault.retryAfterMs ?? 0) : 0;
    await delay(Math.max(backoffMs, askedMs), undefined, { signal });
  }
}

function mayRepeat(fault: unknown): boolean {
  if (!(fault instanceof Refusal)) return outcomeOf(fault) === 'broken' || outcomeOf(fault) === 'silent';
  if (fault.type === 'damaged' || fault.type === 'not_implemented') return false;
  return fault.status >= 500 || REPEATABLE.has(fault.type);
}
