import { MIB } from '../../contracts/limits.ts';
import { once } from '../../kernel/once.ts';
import type { AnswerHead } from './answer-reader.ts';
import type { AnswerHandler } from './peer-connection.ts';
import type { LentBytes } from './read-blocks.ts';

/** Received and not released by whoever reads; more waits in the kernel and then at the other node. */
const WINDOW_BYTES = 2 * MIB;
/** What one `next` answers at most. */
const PIECE_BYTES = MIB;

/** Bytes in order, the reader's until `release` (repeatable). */
export interface BodyPiece {
  readonly bytes: readonly Buffer[];
  readonly lengthBytes: number;
  release(): void;
}

/** What a body does with its connection. */
export interface BodyOwner {
  /** There is room again after `onBody` answered false. */
  resume(): void;
  /** Nothing more is read from this answer. */
  abandon(reason: Error): void;
}

/** The answer to one request, read with backpressure. */
export class PeerBody implements AnswerHandler {
  readonly isBulk: boolean;
  readonly head: Promise<AnswerHead>;
  /** Resolves when the answer is over, however it ended. */
  readonly over: Promise<void>;
  readonly #owner: BodyOwner;
  #queue: LentBytes[] = [];
  #heldBytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #fault: Error | null = null;
  #wake: (() => void) | null = null;
  #receivedBytes = 0;
  #tellHead: (head: AnswerHead) => void = () => {};
  #failHead: (fault: Error) => void = () => {};
  #tellOver: () => void = () => {};

  constructor(owner: BodyOwner, options: { isBulk: boolean }) {
    this.#owner = owner;
    this.isBulk = options.isBulk;
    this.head = new Promise((resolve, reject) => {
      this.#tellHead = resolve;
      this.#failHead = reject;
    });
    // Whoever waits for the body is told too.
    this.head.catch(() => {});
    this.over = new Promise((resolve) => (this.#tellOver = resolve));
  }

  /** Grows with what comes; null while it is not the other node that is waited for. */
  get progress(): number | null {
    return this.#wake === null ? null : this.#receivedBytes;
  }

  onHead(head: AnswerHead): void {
    this.#tellHead(head);
  }

  onBody(lent: LentBytes): boolean {
    const lengthBytes = lent.bytes.length;
    this.#receivedBytes += lengthBytes;
    if (this.#fault !== null) {
      lent.release();
      return true;
    }
    this.#heldBytes += lengthBytes;
    this.#queue.push({ bytes: lent.bytes, release: once(() => this.#letGo(lent, lengthBytes)) });
    this.#wake?.();
    this.#isPaused = this.#heldBytes >= WINDOW_BYTES;
    return !this.#isPaused;
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#wake?.();
    this.#tellOver();
  }

  onFault(fault: Error): void {
    this.#fail(fault);
  }

  /** The next bytes, or null after the last. @throws what broke the answer. One caller at a time */
  async next(): Promise<BodyPiece | null> {
    while (this.#queue.length === 0) {
      if (this.#fault !== null) throw this.#fault;
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    return this.#takePiece();
  }

  /** Ends reading; who waits is told the reason. Repeatable, and harmless after the end. */
  break(reason: Error): void {
    if (this.#hasEnded && this.#queue.length === 0) return;
    const isUnderWay = !this.#hasEnded && this.#fault === null;
    this.#fail(reason);
    if (isUnderWay) this.#owner.abandon(reason);
  }

  #fail(fault: Error): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.#failHead(fault);
    for (const lent of this.#queue) lent.release();
    this.#queue = [];
    this.#wake?.();
    this.#tellOver();
  }

  #takePiece(): BodyPiece {
    const taken: LentBytes[] = [];
    const bytes: Buffer[] = [];
    let lengthBytes = 0;
    for (let lent = this.#queue[0]; lent !== undefined; lent = this.#queue[0]) {
      if (taken.length > 0 && lengthBytes + lent.bytes.length > PIECE_BYTES) break;
      this.#queue.shift();
      taken.push(lent);
      lengthBytes += lent.bytes.length;
      const last = bytes.at(-1);
      const joined = last === undefined ? null : joinedView(last, lent.bytes);
      if (joined === null) bytes.push(lent.bytes);
      else bytes[bytes.length - 1] = joined;
    }
    return {
      bytes,
      lengthBytes,
      release: once(() => {
        for (const lent of taken) lent.release();
      }),
    };
  }

  #letGo(lent: LentBytes, lengthBytes: number): void {
    lent.release();
    this.#heldBytes -= lengthBytes;
    if (!this.#isPaused || this.#heldBytes > WINDOW_BYTES / 2) return;
    this.#isPaused = false;
    if (!this.#hasEnded && this.#fault === null) this.#owner.resume();
  }
}

/** One view of two that lie side by side, or null. */
function joinedView(first: Buffer, second: Buffer): Buffer | null {
  const isBeside = first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
  return isBeside ? Buffer.from(first.buffer, first.byteOffset, first.length + second.length) : null;
}
