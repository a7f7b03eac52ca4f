import { setTimeout as delay } from 'node:timers/promises';
import { outcomeOf, Refusal } from './http.ts';

/** An address of the service, as a page knows it from /api/cluster. */
export interface Door {
  readonly name: string;
  /** As /api/cluster has it. */
  readonly id: string;
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

const LOOK_MS = 300;
/** A node that failed is asked last for so long. */
const FAILED_MS = 10_000;

/**
 * The nodes as one client sees them: it stays with one until that fails, asks the next one at once, and backs off only
 * when it has asked them all in vain.
 */
export class NodeRing {
  readonly #doors: () => readonly Door[];
  readonly #failedAtMs = new Map<string, number>();
  #away: ReadonlySet<string> = new Set();
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
    this.#failedAtMs.set(door.name, performance.now());
    const doors = this.#doors();
    // Whichever answers first tells who is there; a page has heard it by its socket.
    await Promise.any(doors.map((one) => this.#look(one))).catch(() => {});
    if (this.#at === door.name) this.#at = this.#nextAfter(door, doors)?.name ?? this.#at;
    const rounds = Math.floor(this.#failures / Math.max(1, doors.length));
    const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** rounds);
    // Every node was asked: now what they said counts.
    const askedMs = rounds > 0 && fault instanceof Refusal ? (fault.retryAfterMs ?? 0) : 0;
    await delay(Math.max(backoffMs, askedMs), undefined, { signal });
  }

  /** "Nodes that drain or have left come last", and so do those that failed lately. */
  #nextAfter(door: Door, doors: readonly Door[]): Door | null {
    const index = doors.findIndex(({ name }) => name === door.name);
    const others = [...doors.slice(index + 1), ...doors.slice(0, Math.max(0, index))];
    const isLate = ({ name }: Door) => performance.now() - (this.#failedAtMs.get(name) ?? -FAILED_MS) < FAILED_MS;
    const rank = (one: Door) => Number(this.#away.has(one.id)) * 2 + Number(isLate(one));
    return others.sort((a, b) => rank(a) - rank(b))[0] ?? null;
  }

  async #look(at: Door): Promise<void> {
    const answer = await fetch(`${at.url}/api/cluster`, { signal: AbortSignal.timeout(LOOK_MS) });
    const { nodes } = (await answer.json()) as { nodes: readonly { id: string; state: string }[] };
    this.#away = new Set(nodes.filter(({ state }) => state !== 'healthy' && state !== 'degraded').map(({ id }) => id));
  }
}

function mayRepeat(fault: unknown): boolean {
  if (!(fault instanceof Refusal)) return outcomeOf(fault) === 'broken' || outcomeOf(fault) === 'silent';
  if (fault.type === 'damaged' || fault.type === 'not_implemented') return false;
  return fault.status >= 500 || REPEATABLE.has(fault.type);
}
