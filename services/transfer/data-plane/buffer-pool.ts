import { MIB } from '../../contracts/limits.ts';

/** What may lie unused: enough for eight streams, small beside the memory bar. */
const MAX_IDLE_BYTES = 32 * MIB;

/** Reused read buffers by size: a fresh MiB costs page faults that a download at gigabytes a second would feel. */
export class BufferPool {
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;

  take(sizeBytes: number): Buffer {
    const found = this.#idle.get(sizeBytes)?.pop();
    if (found === undefined) return Buffer.allocUnsafeSlow(sizeBytes);
    this.#idleBytes -= sizeBytes;
    return found;
  }

  /** The caller must not touch the buffer, nor any view of it, afterwards. */
  give(buffer: Buffer): void {
    this.#makeRoom(buffer.length);
    if (this.#idleBytes + buffer.length > MAX_IDLE_BYTES) return;
    const list = this.#idle.get(buffer.length) ?? [];
    this.#idle.set(buffer.length, list);
    list.push(buffer);
    this.#idleBytes += buffer.length;
  }

  /** What has just been used is used again: buffers of other sizes give way. */
  #makeRoom(sizeBytes: number): void {
    for (const [otherBytes, list] of this.#idle) {
      if (otherBytes === sizeBytes) continue;
      while (this.#idleBytes + sizeBytes > MAX_IDLE_BYTES && list.pop() !== undefined) this.#idleBytes -= otherBytes;
      if (list.length === 0) this.#idle.delete(otherBytes);
    }
  }
}
