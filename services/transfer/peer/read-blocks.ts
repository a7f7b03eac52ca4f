import { KIB, MIB } from '../../contracts/limits.ts';
import { once } from '../../kernel/once.ts';
import type { BufferPool } from '../data-plane/buffer-pool.ts';

/** At most this much is offered to the kernel at a time: measured, reads of 256 KiB to 1 MiB are the fastest. */
const READ_BLOCK_BYTES = MIB;
/** With less room than this a block is given away rather than filled. */
const MIN_READ_BYTES = 256 * KIB;
/** An idle connection waits for a head with this; blocks are for bodies. */
const WAITING_BYTES = 16 * KIB;

/** Bytes that came, lent until `release` (repeatable). */
export interface LentBytes {
  readonly bytes: Buffer;
  release(): void;
}

interface Block {
  readonly buffer: Buffer;
  filledBytes: number;
  /** How many views of it are lent. */
  lentCount: number;
  isCurrent: boolean;
}

/**
 * The memory that one connection reads into: blocks of a pool, filled read after read, given back once every view of
 * them is. So small reads take no more memory than large ones, and a connection that waits has a small buffer only.
 */
export class ReadBlocks {
  readonly #pool: BufferPool;
  readonly #waiting = Buffer.allocUnsafeSlow(WAITING_BYTES);
  #block: Block | null = null;
  #isReadingBody = false;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Where the next read goes: what `onread.buffer` answers. The one before is not read into any more. */
  next(): Buffer {
    if (!this.#isReadingBody) return this.#waiting;
    let block = this.#block;
    if (block !== null && block.lentCount === 0) block.filledBytes = 0;
    if (block !== null && READ_BLOCK_BYTES - block.filledBytes < MIN_READ_BYTES) {
      this.#retire();
      block = null;
    }
    block ??= { buffer: this.#pool.take(READ_BLOCK_BYTES), filledBytes: 0, lentCount: 0, isCurrent: true };
    this.#block = block;
    return block.buffer.subarray(block.filledBytes);
  }

  /** From the next read on: a long body comes. */
  beginBody(): void {
    this.#isReadingBody = true;
  }

  /** It has ended, or the connection has: the block goes back, the next buffer is the small one. */
  endBody(): void {
    this.#isReadingBody = false;
    this.#retire();
  }

  /** Bytes that the last buffer of `next` got; the view counts as lent once `lend` is called with a part of it. */
  filled(buffer: Uint8Array, lengthBytes: number): Buffer {
    const block = this.#block;
    if (block !== null && buffer.buffer === block.buffer.buffer) block.filledBytes += lengthBytes;
    return Buffer.from(buffer.buffer, buffer.byteOffset, lengthBytes);
  }

  /** Lends a view of what `filled` answered. What lies in the small buffer is copied: the next head overwrites it. */
  lend(bytes: Buffer): LentBytes {
    const block = this.#block;
    if (block === null || bytes.buffer !== block.buffer.buffer) {
      return { bytes: Buffer.from(bytes), release: () => {} };
    }
    block.lentCount += 1;
    return {
      bytes,
      release: once(() => {
        block.lentCount -= 1;
        if (block.lentCount === 0 && !block.isCurrent) this.#pool.give(block.buffer);
      }),
    };
  }

  #retire(): void {
    const block = this.#block;
    if (block === null) return;
    this.#block = null;
    block.isCurrent = false;
    if (block.lentCount === 0) this.#pool.give(block.buffer);
  }
}
