import { PeerLinkError } from '../../contracts/errors.ts';
import { MIB } from '../../contracts/limits.ts';
import type { ChunkMap } from '../chunk-map.ts';
import type { FrameAnswer, ReplicaChannel, ReplicaFrame } from '../replication/ports.ts';
import type { ByteQueue } from './byte-queue.ts';
import type { PeerBody } from './peer-body.ts';
import type { PeerConnection } from './peer-connection.ts';
import { ANSWER_BYTES, decodeAnswer, encodeFrameHeader, encodePulse } from './replica-wire.ts';

/** Written and not taken by the kernel yet, at most: hidden frames are copies, and those wait to be made. */
const UNSENT_BYTES = 4 * MIB;
/** A session in which nothing is said is said to go on, before either side or a proxy thinks it dead. */
const PULSE_MS = 20_000;
/** Nothing taken and nothing answered for so long, although something was sent: the replica is gone. */
const SILENCE_MS = 5_000;
const LOOK_MS = 1_000;
const NEW_LINE = Buffer.from('\r\n');

/** Obfuscates a chunk into a copy that is given back by `release`. */
export type HideCopy = (
  list: readonly Uint8Array[],
  lengthBytes: number,
) => { readonly bytes: Buffer; release(): void };

export interface WireChannelParts {
  readonly connection: PeerConnection;
  /** What follows the opening; what of it came with the opening is in the queue. */
  readonly body: PeerBody;
  readonly queue: ByteQueue;
  readonly values: ReadonlyMap<number, ChunkMap>;
  readonly frameKey: Uint8Array;
  readonly hide: HideCopy | null;
  readonly countBytes: (bytes: number) => void;
}

interface Waiting {
  resolve(answer: FrameAnswer): void;
  reject(fault: Error): void;
}

interface QueuedFrame {
  readonly frame: ReplicaFrame;
  readonly number: number;
  readonly lengthBytes: number;
}

/** One session to the replica: frames go out as chunks of a request's body, answers come back meanwhile. */
export class WireChannel implements ReplicaChannel {
  readonly values: ReadonlyMap<number, ChunkMap>;
  readonly #parts: WireChannelParts;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unwritten: QueuedFrame[] = [];
  readonly #timer: NodeJS.Timeout;
  #unsentBytes = 0;
  #lastNumber = 0;
  #movedAtMs = performance.now();
  #isClosed = false;

  constructor(parts: WireChannelParts) {
    this.values = parts.values;
    this.#parts = parts;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#listen().catch(() => this.close());
  }

  send(frame: ReplicaFrame): Promise<FrameAnswer> {
    if (this.#isClosed) return Promise.reject(broken());
    if (this.#waiting.size === 0) this.#movedAtMs = performance.now();
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const lengthBytes = frame.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
    const answer = new Promise<FrameAnswer>((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
    this.#unwritten.push({ frame, number, lengthBytes });
    this.#write();
    return answer;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    // First: from here on nothing is read from the chunks any more, whose owner is told next.
    this.#parts.connection.destroy(broken());
    this.#unwritten.length = 0;
    for (const waiting of this.#waiting.values()) waiting.reject(broken());
    this.#waiting.clear();
  }

  #write(): void {
    while (this.#unsentBytes < UNSENT_BYTES) {
      const next = this.#unwritten.shift();
      if (next === undefined) return;
      const { frame, number, lengthBytes } = next;
      const { fileIndex, chunkIndex, epoch, value } = frame;
      const header = encodeFrameHeader(
        { fileIndex, chunkIndex, lengthBytes, number, epoch, value },
        this.#parts.frameKey,
      );
      const hidden = this.#parts.hide?.(frame.bytes, lengthBytes);
      this.#unsentBytes += lengthBytes;
      this.#parts.countBytes(lengthBytes);
      this.#writeChunk(header, hidden === undefined ? frame.bytes : [hidden.bytes], lengthBytes, () => {
        hidden?.release();
        this.#unsentBytes -= lengthBytes;
        this.#movedAtMs = performance.now();
        if (!this.#isClosed) this.#write();
      });
    }
  }

  #writeChunk(header: Buffer, bytes: readonly Uint8Array[], lengthBytes: number, onTaken?: () => void): void {
    const size = Buffer.from(`${(header.length + lengthBytes).toString(16)}\r\n`);
    this.#parts.connection.write([Buffer.concat([size, header]), ...bytes, NEW_LINE], onTaken);
  }

  async #listen(): Promise<void> {
    const { body, queue } = this.#parts;
    while (this.#takeAnswers()) {
      const piece = await body.next();
      if (piece === null) break;
      for (const bytes of piece.bytes) queue.push(bytes);
      piece.release();
    }
    this.close();
  }

  /** False: what came is no answer. */
  #takeAnswers(): boolean {
    const { queue } = this.#parts;
    for (let bytes = queue.take(ANSWER_BYTES); bytes !== null; bytes = queue.take(ANSWER_BYTES)) {
      const decoded = decodeAnswer(bytes);
      if (decoded === null) return false;
      this.#movedAtMs = performance.now();
      const waiting = this.#waiting.get(decoded.number);
      this.#waiting.delete(decoded.number);
      waiting?.resolve(decoded.answer);
    }
    return true;
  }

  #look(): void {
    const stillMs = performance.now() - this.#movedAtMs;
    if (this.#waiting.size > 0) {
      if (stillMs > SILENCE_MS) this.close();
    } else if (stillMs > PULSE_MS) {
      this.#movedAtMs = performance.now();
      this.#lastNumber += 1;
      this.#waiting.set(this.#lastNumber, { resolve: () => {}, reject: () => {} });
      this.#writeChunk(encodePulse(this.#lastNumber, this.#parts.frameKey), [], 0);
    }
  }
}

function broken(): PeerLinkError {
  return new PeerLinkError('unavailable', 'The session to the replica broke.');
}
