import { KIB, MIB } from '../../contracts/limits.ts';
import { SpentBuffers } from '../data-plane/spent-buffers.ts';

/** Written in one call: the kernel and the other side work better on these than on the 64 KiB that node:http reads. */
const BATCH_BYTES = 512 * KIB;
/** Waiting for the kernel; more makes the client wait. */
const WINDOW_BYTES = 2 * MIB;
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const NEW_LINE = Buffer.from('\r\n');

/** What a sender needs of a connection. */
export interface ByteSink {
  write(list: readonly Uint8Array[], onTaken?: () => void): void;
}

export interface BodySenderOptions {
  readonly sink: ByteSink;
  /** Without a length: in chunks (RFC 9112, section 7.1). */
  readonly isChunked: boolean;
  /** XORs a buffer that only this stream has, in place; null: as it is. */
  readonly hide: ((bytes: Uint8Array) => void) | null;
  /** There is room again after `push` answered false. */
  readonly onRoom: () => void;
}

/** Sends a body that comes in small buffers in large writes, and gives the buffers back once they are sent. */
export class BodySender {
  readonly #options: BodySenderOptions;
  readonly #buffers = new SpentBuffers();
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #inFlightBytes = 0;
  #isFull = false;
  #soon: NodeJS.Immediate | null = null;

  constructor(options: BodySenderOptions) {
    this.#options = options;
  }

  /** Given to `push` and not yet with the kernel. */
  get unsentBytes(): number {
    return this.#batchBytes + this.#inFlightBytes;
  }

  /** Takes a buffer that nobody else reads. False: no more until `onRoom`. */
  push(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return !this.#isFull;
    this.#options.hide?.(bytes);
    this.#buffers.take(bytes, 1);
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= BATCH_BYTES) this.#flush();
    // What comes in the same turn of the loop goes in the same write.
    else this.#soon ??= setImmediate(() => this.#flush());
    this.#isFull = this.unsentBytes >= WINDOW_BYTES;
    return !this.#isFull;
  }

  end(): void {
    this.#flush();
    if (this.#options.isChunked) this.#options.sink.write([LAST_CHUNK]);
  }

  #flush(): void {
    if (this.#soon !== null) clearImmediate(this.#soon);
    this.#soon = null;
    const batch = this.#batch;
    const lengthBytes = this.#batchBytes;
    if (lengthBytes === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#inFlightBytes += lengthBytes;
    const list = this.#options.isChunked ? [Buffer.from(`${lengthBytes.toString(16)}\r\n`), ...batch, NEW_LINE] : batch;
    this.#options.sink.write(list, () => {
      this.#inFlightBytes -= lengthBytes;
      this.#buffers.giveBack(batch);
      if (!this.#isFull || this.unsentBytes > WINDOW_BYTES / 2) return;
      this.#isFull = false;
      this.#options.onRoom();
    });
  }
}
