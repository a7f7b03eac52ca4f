import { once } from '../kernel/once.ts';
import type { StoredFile } from './ports.ts';

/** Two descriptors a file: 512 files stay far below the usual limit of 4,096. */
const MAX_IDLE_OPEN = 512;

interface Entry {
  readonly opening: Promise<StoredFile | null>;
  users: number;
}

/** A file in use. `release` is repeatable. */
export interface FileUse {
  readonly stored: StoredFile;
  release(): void;
}

/** Keeps files of the store open while somebody uses them, and the most recently used idle ones beyond that. */
export class OpenFiles {
  readonly #entries = new Map<string, Entry>();
  /** Files that are being removed: whoever wants one waits, and then finds nothing. */
  readonly #locked = new Map<string, Promise<void>>();
  readonly #onFault: (fault: unknown) => void;

  /** @param onFault is told why a file that nobody uses could not be closed */
  constructor(onFault: (fault: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Null when `open` found nothing; then nothing is kept. */
  async use(fileId: string, open: () => Promise<StoredFile | null>): Promise<FileUse | null> {
    for (;;) {
      const locked = this.#locked.get(fileId);
      if (locked !== undefined) {
        await locked;
        continue;
      }
      const known = this.#entries.get(fileId);
      const entry: Entry = known ?? { opening: open(), users: 0 };
      // To the end of the order: the most recently used.
      this.#entries.delete(fileId);
      this.#entries.set(fileId, entry);
      entry.users += 1;
      try {
        const stored = await entry.opening;
        if (stored !== null) return { stored, release: once(() => this.#release(entry)) };
      } catch (fault) {
        this.#forget(fileId, entry);
        throw fault;
      }
      this.#forget(fileId, entry);
      // A reader that looked just before found nothing; that is no answer for a writer, whose own `open` creates.
      if (known === undefined) return null;
    }
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    this.#closeSurplus();
  }

  /** Closes a file once its jobs are done, whoever uses it: later jobs of those fail with `unavailable`. */
  async close(fileId: string): Promise<void> {
    const entry = this.#entries.get(fileId);
    if (entry === undefined) return;
    this.#entries.delete(fileId);
    const stored = await entry.opening.catch(() => null);
    await stored?.close();
  }

  /** Closes a file that nobody uses right now. */
  async closeIfIdle(fileId: string): Promise<void> {
    if (this.#entries.get(fileId)?.users === 0) await this.close(fileId);
  }

  /** Runs `act` while nobody uses the file and nobody can begin to. False when somebody does, else what `act` said. */
  async whileUnused(fileId: string, act: () => Promise<boolean>): Promise<boolean> {
    const { users = 0 } = this.#entries.get(fileId) ?? {};
    if (users > 0 || this.#locked.has(fileId)) return false;
    let unlock: () => void = () => {};
    this.#locked.set(fileId, new Promise((resolve) => (unlock = resolve)));
    try {
      await this.close(fileId);
      return await act();
    } finally {
      this.#locked.delete(fileId);
      unlock();
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((fileId) => this.close(fileId)));
  }

  #forget(fileId: string, entry: Entry): void {
    if (this.#entries.get(fileId) === entry) this.#entries.delete(fileId);
  }

  #closeSurplus(): void {
    if (this.#entries.size <= MAX_IDLE_OPEN) return;
    for (const [fileId, entry] of this.#entries) {
      if (entry.users > 0) continue;
      this.close(fileId).catch(this.#onFault);
      if (this.#entries.size <= MAX_IDLE_OPEN) return;
    }
  }
}
