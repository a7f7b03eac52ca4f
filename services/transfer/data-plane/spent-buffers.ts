import { MessageChannel } from 'node:worker_threads';

/** Giving back less than this costs more than it brings. */
const MIN_BYTES = 4096;

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Gives the memory of a body's buffers back as soon as nobody needs it. node:http makes a new buffer for each read;
 * the collector learns of their bytes late, then marks a whole heap to free them, and every byte meanwhile comes to
 * memory that no cache holds: two thirds of an upload's CPU. What is transferred to a closed port is freed at once,
 * and the next read gets the same memory again.
 *
 * Freed buffers read as empty. So this is only for buffers that nothing else can see any more: no socket, no job, no
 * reader. Those of a chunk that nobody gave back are the collector's.
 */
export class SpentBuffers {
  /** How many chunks still hold views of a buffer: one that lies across a boundary belongs to both sides. */
  readonly #uses = new WeakMap<ArrayBufferLike, number>();

  /** A buffer came that `chunkCount` chunks hold views of. One that is a part of something larger is left alone. */
  take(bytes: Uint8Array, chunkCount: number): void {
    const isWhole = bytes.byteLength === bytes.buffer.byteLength;
    if (isWhole && chunkCount > 0 && bytes.byteLength >= MIN_BYTES) this.#uses.set(bytes.buffer, chunkCount);
  }

  /** A chunk is done with its buffers. */
  giveBack(views: readonly Uint8Array[]): void {
    const spent: ArrayBuffer[] = [];
    for (const { buffer } of views) {
      const count = this.#uses.get(buffer);
      if (count === undefined) continue;
      if (count > 1) {
        this.#uses.set(buffer, count - 1);
        continue;
      }
      this.#uses.delete(buffer);
      if (buffer instanceof ArrayBuffer) spent.push(buffer);
    }
    if (spent.length > 0) nowhere.postMessage(null, spent);
  }
}
