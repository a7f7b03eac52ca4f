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
  'not_accepted',
]);

const LOOK_MS = 300;
/** "Ask the next node as soon as one has failed, and beside one that has not answered for 1.5 s." */
const NEXT_AFTER_MS = 1_500;
/** A node that failed is asked last for so long. */
const FAILED_MS = 10_000;

/** What one node said to a question that several are asked. */
type Said<T> = { readonly door: Door } & (
  | { readonly isAnswer: true; readonly answer: T }
  | { readonly isAnswer: false; readonly fault: unknown }
);

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

  /** Goes to this one first from here on. */
  turnTo(door: Door): void {
    this.#at = door.name;
  }

  /**
   * Asks one node after the other, the next as soon as one has failed and beside one that takes long, and stays with the
   * one that answers first. Round after round with pauses between them, until `deadlineMs`. @throws the last fault
   */
  async firstAnswer<T>(attempt: (door: Door) => Promise<T>, deadlineMs: number, signal: AbortSignal): Promise<T> {
    const untilMs = performance.now() + deadlineMs;
    for (;;) {
      signal.throwIfAborted();
      const said = await this.#askAround(attempt);
      if (said.isAnswer) {
        this.#at = said.door.name;
        this.succeeded();
        return said.answer;
      }
      if (!mayRepeat(said.fault) || performance.now() > untilMs) throw said.fault;
      await this.#pause(said.fault, signal);
    }
  }

  /** Turns to the next node after a failure at `door`. @throws the fault when repeating it is of no use */
  async failed(door: Door, fault: unknown, signal: AbortSignal): Promise<void> {
    if (!mayRepeat(fault)) throw fault;
    this.#note(door);
    // Whichever answers first tells who is there; a page has heard it by its socket.
    await Promise.any(this.#doors().map((one) => this.#look(one))).catch(() => {});
    // One that says `moved` is well, and knows where to.
    const hasMoved = fault instanceof Refusal && fault.type === 'moved';
    if (this.#at === door.name && !hasMoved) this.#at = this.#after(door)[0]?.name ?? this.#at;
    await this.#pause(fault, signal);
  }

  #note(door: Door): void {
    this.#failures += 1;
    this.#mostFailures = Math.max(this.#mostFailures, this.#failures);
    this.#failedAtMs.set(door.name, performance.now());
  }

  async #pause(fault: unknown, signal: AbortSignal): Promise<void> {
    const rounds = Math.floor(this.#failures / Math.max(1, this.#doors().length));
    const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** rounds);
    // Every node was asked: now what they said counts.
    const askedMs = rounds > 0 && fault instanceof Refusal ? (fault.retryAfterMs ?? 0) : 0;
    await delay(Math.max(backoffMs, askedMs), undefined, { signal });
  }

  /** The first answer, or the last fault when nobody has one. */
  async #askAround<T>(attempt: (door: Door) => Promise<T>): Promise<Said<T>> {
    const waiting = [this.door, ...this.#after(this.door)];
    const asked = new Map<string, Promise<Said<T>>>();
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        const answering = attempt(next).then(
          (answer): Said<T> => ({ door: next, isAnswer: true, answer }),
          (fault: unknown): Said<T> => ({ door: next, isAnswer: false, fault }),
        );
        asked.set(next.name, answering);
      }
      const clock = new AbortController();
      const isLate = delay(NEXT_AFTER_MS, null, { signal: clock.signal }).catch(() => null);
      const said = await Promise.race([...asked.values(), ...(waiting.length > 0 ? [isLate] : [])]);
      clock.abort();
      if (said === null) continue;
      asked.delete(said.door.name);
      if (said.isAnswer || !mayRepeat(said.fault)) return said;
      this.#note(said.door);
      if (asked.size === 0 && waiting.length === 0) return said;
    }
  }

  /** The others. "Nodes that drain or have left come last", and so do those that failed lately. */
  #after(door: Door): Door[] {
    const doors = this.#doors();
    const index = doors.findIndex(({ name }) => name === door.name);
    const others = [...doors.slice(index + 1), ...doors.slice(0, Math.max(0, index))];
    const isLate = ({ name }: Door) => performance.now() - (this.#failedAtMs.get(name) ?? -FAILED_MS) < FAILED_MS;
    const rank = (one: Door) => Number(this.#away.has(one.id)) * 2 + Number(isLate(one));
    return others.sort((a, b) => rank(a) - rank(b));
  }

  async #look(at: Door): Promise<void> {
    const answer = await fetch(`${at.url}/api/cluster`, { signal: AbortSignal.timeout(LOOK_MS) });
    const { nodes } = (await answer.json()) as { nodes: readonly { id: string; state: string }[] };
    this.#away = new Set(nodes.filter(({ state }) => state !== 'healthy' && state !== 'degraded').map(({ id }) => id));
  }
}

function mayRepeat(fault: unknown): boolean {
  if (!(fault instanceof Refusal)) return outcomeOf(fault) === 'broken' || outcomeOf(fault) === 'silent';
  if (fault.type === 'damaged') return false;
  return fault.status >= 500 || REPEATABLE.has(fault.type);
}
