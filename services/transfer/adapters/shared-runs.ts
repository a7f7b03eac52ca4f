/**
 * Runs something one at a time. Who asks while it runs may have come too late for that run, and shares the next one with
 * all who do.
 */
export class SharedRuns {
  readonly #act: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  /** Settles as the first run that begins after this call. */
  run(): Promise<void> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(before: Promise<void>): Promise<void> {
    await before.catch(() => {});
    this.#running = this.#next ?? before;
    this.#next = null;
    return this.#act();
  }
}
