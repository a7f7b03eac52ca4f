/** Taken once: a look at a global costs much where tests run, and these are asked millions of times. */
const { floor, imul, max } = Math;
const NEVER_MS = Number.POSITIVE_INFINITY;
const soon = setImmediate;

/** Seeded and small (mulberry32): the same seed gives the same schedule on every machine. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Whole, in [0, count). */
  below(count: number): number {
    return floor(this.next() * count);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}

/** Where an event happens. A frozen place keeps its events until it thaws; a dead one never sees them. */
export interface Place {
  readonly isDead: boolean;
  readonly isFrozen: boolean;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly label: string;
  readonly place: Place | null;
  readonly run: () => void;
  isCancelled: boolean;
}

const TRACE_LINES = 400;

/** Virtual time: one event after the other, each followed by everything that it made ready. */
export class Scheduler {
  readonly chance: Chance;
  readonly trace: string[] = [];
  nowMs = 0;
  stepCount = 0;
  #order = 0;
  #queue: Event[] = [];
  /** Events of which a directed test says when they happen. */
  readonly #holding = new Set<RegExp>();
  #held: Event[] = [];

  constructor(seed: number) {
    this.chance = new Chance(seed);
  }

  /** @returns cancels it */
  at(delayMs: number, label: string, place: Place | null, run: () => void): () => void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order, label, place, run, isCancelled: false };
    this.#order += 1;
    this.#queue.push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** A timer of a process. Rejects when `signal` is aborted. */
  delay(place: Place, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        cancel();
        reject(new Error('aborted'));
      };
      const cancel = this.at(ms, '', place, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  note(text: string): void {
    this.trace.push(`${this.nowMs.toFixed(1).padStart(9)} ${text}`);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }

  /** From now on events whose label matches wait for `release` or `drop`. */
  hold(label: RegExp): void {
    this.#holding.add(label);
  }

  get heldLabels(): readonly string[] {
    return this.#held.map((event) => event.label);
  }

  /** Lets the held events that match happen, in their order, and holds no further ones. */
  release(label: RegExp): void {
    this.#holding.delete([...this.#holding].find((one) => String(one) === String(label)) ?? label);
    const free = this.#held.filter((event) => label.test(event.label));
    this.#held = this.#held.filter((event) => !free.includes(event));
    for (const event of free) this.#queue.push({ ...event, atMs: this.nowMs });
  }

  /** What is held stays so until it is released; nothing more is. */
  stopHolding(): void {
    this.#holding.clear();
  }

  /** The held events that match never happen. Later ones are still held. */
  drop(label: RegExp): number {
    const before = this.#held.length;
    this.#held = this.#held.filter((event) => !label.test(event.label));
    return before - this.#held.length;
  }

  /** The next event, and all that becomes ready by it. False: there is none before `untilMs`. */
  async step(untilMs = NEVER_MS): Promise<boolean> {
    const event = this.#next(untilMs);
    if (event === null) {
      if (untilMs !== NEVER_MS) this.nowMs = max(this.nowMs, untilMs);
      return false;
    }
    this.nowMs = max(this.nowMs, event.atMs);
    if (event.place?.isDead === true) return true;
    if (event.label !== '' && [...this.#holding].some((one) => one.test(event.label))) {
      this.#held.push(event);
      return true;
    }
    if (event.label !== '') this.note(event.label);
    this.stepCount += 1;
    event.run();
    await settled();
    return true;
  }

  async runFor(ms: number, afterEach: () => void = () => {}): Promise<void> {
    const untilMs = this.nowMs + ms;
    while (await this.step(untilMs)) afterEach();
  }

  /** @throws when it does not come true within so much virtual time */
  async runUntil(
    what: string,
    isTrue: () => boolean,
    limitMs = 60_000,
    afterEach: () => void = () => {},
  ): Promise<void> {
    await settled();
    const untilMs = this.nowMs + limitMs;
    while (!isTrue()) {
      if (!(await this.step(untilMs))) throw new Error(`within ${limitMs} ms of virtual time not: ${what}`);
      afterEach();
    }
  }

  #next(untilMs: number): Event | null {
    let best = -1;
    for (let index = this.#queue.length - 1; index >= 0; index -= 1) {
      const event = this.#queue[index];
      if (event === undefined) continue;
      if (event.isCancelled) {
        this.#queue.splice(index, 1);
        if (best > index) best -= 1;
        continue;
      }
      if (event.place?.isFrozen === true && !event.place.isDead) continue;
      const known = this.#queue[best];
      if (known === undefined || event.atMs < known.atMs || (event.atMs === known.atMs && event.order < known.order))
        best = index;
    }
    const event = this.#queue[best];
    if (event === undefined || max(event.atMs, this.nowMs) > untilMs) return null;
    this.#queue.splice(best, 1);
    return event;
  }
}

/** Everything that promises made ready has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}
