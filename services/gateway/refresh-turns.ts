/** Between two turns that hints ask for. */
const SPACING_MS = 50;

export interface RefreshDeps<K> {
  /** Everything that somebody here wants to know of. */
  readonly keys: () => Iterable<K>;
  /** Reads these and tells whom it concerns. */
  readonly refresh: (keys: readonly K[]) => Promise<void>;
  readonly everyMs: number;
  readonly onFault: (fault: unknown) => void;
}

/**
 * Looks at what a hint names as soon as it comes, and at everything regularly, since hints may be lost. One turn at a
 * time, so that what is told is told in the order in which it was read.
 */
export class RefreshTurns<K> {
  readonly #deps: RefreshDeps<K>;
  readonly #due = new Set<K>();
  #timer: NodeJS.Timeout | null = null;
  #spacing: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #isStopped = false;

  constructor(deps: RefreshDeps<K>) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => this.soon([...this.#deps.keys()]), this.#deps.everyMs).unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#spacing !== null) clearTimeout(this.#spacing);
    await this.#running;
  }

  soon(keys: Iterable<K>): void {
    for (const key of keys) this.#due.add(key);
    if (this.#running === null && this.#spacing === null) this.#turn();
  }

  #turn(): void {
    if (this.#due.size === 0 || this.#isStopped) return;
    const keys = [...this.#due];
    this.#due.clear();
    this.#running = this.#deps
      .refresh(keys)
      .catch(this.#deps.onFault)
      .then(() => {
        this.#running = null;
        if (this.#isStopped) return;
        this.#spacing = setTimeout(() => {
          this.#spacing = null;
          this.#turn();
        }, SPACING_MS).unref();
      });
  }
}
