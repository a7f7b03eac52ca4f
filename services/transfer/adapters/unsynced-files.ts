import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { madeOnce } from '../../kernel/made-once.ts';

/**
 * Files of which a sync failed, until one has succeeded. Each has an empty file `unsynced/<id>`, for the next process: to it
 * the system says nothing of the failure. The mark itself is not synced: it is there while the page cache is, and after a
 * reboot everything is verified.
 */
export class UnsyncedFiles {
  readonly #directory: string;
  readonly #onFault: (what: string, fault: unknown) => void;
  readonly #ids = new Set<string>();
  /** What the process before left, before any file is opened. @throws the system's error; then it is tried again */
  readonly read = madeOnce(() => this.#read());

  constructor(directory: string, onFault: (what: string, fault: unknown) => void) {
    this.#directory = path.join(directory, 'unsynced');
    this.#onFault = onFault;
  }

  has(fileId: string): boolean {
    return this.#ids.has(fileId);
  }

  /** A disk that fails may not take the mark either: that is reported, and tried again when the next sync fails. */
  async add(fileId: string): Promise<void> {
    this.#ids.add(fileId);
    try {
      await mkdir(this.#directory, { recursive: true });
      await writeFile(path.join(this.#directory, fileId), '');
    } catch (fault) {
      this.#onFault(`remember after a restart that the sync of ${fileId} failed`, fault);
    }
  }

  /** A mark that stays costs the next process one needless writing. */
  async delete(fileId: string): Promise<void> {
    if (!this.#ids.delete(fileId)) return;
    await rm(path.join(this.#directory, fileId), { force: true }).catch(() => {});
  }

  async #read(): Promise<void> {
    const found = await readdir(this.#directory).catch((fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return [];
      throw fault;
    });
    for (const fileId of found) this.#ids.add(fileId);
  }
}
