import { statfs } from 'node:fs/promises';

/** Between two looks what we write is counted; what others write is seen at the next. */
const LOOK_EVERY_MS = 500;

/** What may still be written to a disk before its reserve is touched. */
export class DiskRoom {
  readonly #directory: string;
  readonly #reservedBytes: number;
  #leftBytes = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;

  constructor(directory: string, reservedBytes: number) {
    this.#directory = directory;
    this.#reservedBytes = reservedBytes;
  }

  /** Throws with the code ENOSPC, as the system would a little later, when so much does not fit. */
  async take(lengthBytes: number): Promise<void> {
    const isFresh = performance.now() - this.#lookedAtMs < LOOK_EVERY_MS;
    if (!isFresh || this.#leftBytes < lengthBytes) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = null;
      });
      await this.#looking;
    }
    if (this.#leftBytes < lengthBytes) {
      throw Object.assign(new Error('the disk is full but for its reserve'), { code: 'ENOSPC' });
    }
    this.#leftBytes -= lengthBytes;
  }

  async #look(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    this.#leftBytes = bavail * bsize - Math.min(this.#reservedBytes, (blocks * bsize) / 8);
    this.#lookedAtMs = performance.now();
  }
}
