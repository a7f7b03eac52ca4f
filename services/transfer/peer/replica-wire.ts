import { createHmac } from 'node:crypto';
import { MAX_CHUNK_BYTES, MAX_CHUNKS_PER_FILE, MAX_FILES_PER_TRANSFER } from '../../contracts/limits.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { FrameAnswer } from '../replication/ports.ts';

/**
 * The bytes of a replication session. Home to replica: frames, each a header of 96 bytes and the chunk. Replica to
 * home: the opening (session and what it holds), then an answer of 16 bytes a frame. Integers are little-endian.
 *
 *   frame header   0 magic "PLF1" · 4 file index u32 · 8 chunk index u32 · 12 length u32 · 16 number u64 · 24 epoch u64
 *                  32 chaining value (32 bytes) · 64 MAC over bytes 0 to 63 under the session's key (32 bytes)
 *   opening        0 magic "PLO1" · 4 session length u32 · session · then per file: index u32, length u32, values ·
 *                  ends with index 0xffffffff, length 0
 *   answer         0 number u64 · 8 kind u8 · 9 zero
 */
export const FRAME_HEADER_BYTES = 96;
const FRAME_MAGIC = 0x31464c50;
const OPENING_MAGIC = 0x314f4c50;
const LAST_FILE = 0xffff_ffff;
export const ANSWER_BYTES = 16;
const MAX_SESSION_CHARS = 64;

export interface FrameHeader {
  readonly fileIndex: number;
  readonly chunkIndex: number;
  readonly lengthBytes: number;
  readonly number: number;
  readonly epoch: number;
  readonly value: Uint8Array;
}

export function encodeFrameHeader(header: FrameHeader, key: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES);
  bytes.writeUInt32LE(FRAME_MAGIC, 0);
  bytes.writeUInt32LE(header.fileIndex, 4);
  bytes.writeUInt32LE(header.chunkIndex, 8);
  bytes.writeUInt32LE(header.lengthBytes, 12);
  bytes.writeBigUInt64LE(BigInt(header.number), 16);
  bytes.writeBigUInt64LE(BigInt(header.epoch), 24);
  bytes.set(header.value, 32);
  createHmac('sha256', key).update(bytes.subarray(0, 64)).digest().copy(bytes, 64);
  return bytes;
}

/** Null: no frame of this session; nothing that follows can be trusted. */
export function decodeFrameHeader(bytes: Buffer, key: Uint8Array): FrameHeader | null {
  const mac = createHmac('sha256', key).update(bytes.subarray(0, 64)).digest();
  if (!isEqualBytes(mac, bytes.subarray(64, FRAME_HEADER_BYTES)) || bytes.readUInt32LE(0) !== FRAME_MAGIC) return null;
  const header = {
    fileIndex: bytes.readUInt32LE(4),
    chunkIndex: bytes.readUInt32LE(8),
    lengthBytes: bytes.readUInt32LE(12),
    number: Number(bytes.readBigUInt64LE(16)),
    epoch: Number(bytes.readBigUInt64LE(24)),
    value: Uint8Array.from(bytes.subarray(32, 64)),
  };
  const isPossible =
    header.fileIndex < MAX_FILES_PER_TRANSFER &&
    header.chunkIndex < MAX_CHUNKS_PER_FILE &&
    header.lengthBytes > 0 &&
    header.lengthBytes <= MAX_CHUNK_BYTES;
  return isPossible ? header : null;
}

const ANSWER_KINDS: readonly FrameAnswer[] = [
  { kind: 'stored' },
  { kind: 'stale_epoch' },
  { kind: 'stale_session' },
  { kind: 'failed', reason: 'disk_full' },
  { kind: 'failed', reason: 'mismatch' },
  { kind: 'failed', reason: 'fault' },
];

export function encodeAnswer(number: number, answer: FrameAnswer): Buffer {
  const bytes = Buffer.alloc(ANSWER_BYTES);
  bytes.writeBigUInt64LE(BigInt(number), 0);
  const kind = ANSWER_KINDS.findIndex(
    (known) =>
      known.kind === answer.kind &&
      (known.kind !== 'failed' || answer.kind !== 'failed' || known.reason === answer.reason),
  );
  bytes.writeUInt8(kind, 8);
  return bytes;
}

export function decodeAnswer(bytes: Buffer): { number: number; answer: FrameAnswer } | null {
  const answer = ANSWER_KINDS[bytes.readUInt8(8)];
  return answer === undefined ? null : { number: Number(bytes.readBigUInt64LE(0)), answer };
}

export function encodeOpening(
  session: string,
  files: Iterable<readonly [fileIndex: number, values: Uint8Array]>,
): Buffer[] {
  const name = Buffer.from(session);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(OPENING_MAGIC, 0);
  head.writeUInt32LE(name.length, 4);
  const parts: Buffer[] = [head, name];
  for (const [fileIndex, values] of files) {
    parts.push(fileHead(fileIndex, values.length), Buffer.from(values.buffer, values.byteOffset, values.length));
  }
  parts.push(fileHead(LAST_FILE, 0));
  return parts;
}

function fileHead(fileIndex: number, lengthBytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(fileIndex, 0);
  head.writeUInt32LE(lengthBytes, 4);
  return head;
}

/** Takes exactly so many bytes from a stream that comes in pieces. */
export class ByteQueue {
  #parts: Buffer[] = [];
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#lengthBytes += bytes.length;
  }

  /** Views of the next `count` bytes without copying, or null when they are not there yet. */
  takeList(count: number): Buffer[] | null {
    if (this.#lengthBytes < count) return null;
    const taken: Buffer[] = [];
    let wanted = count;
    while (wanted > 0) {
      const first = this.#parts[0];
      if (first === undefined) return null;
      if (first.length <= wanted) {
        taken.push(first);
        this.#parts.shift();
        wanted -= first.length;
      } else {
        taken.push(first.subarray(0, wanted));
        this.#parts[0] = first.subarray(wanted);
        wanted = 0;
      }
    }
    this.#lengthBytes -= count;
    return taken;
  }

  take(count: number): Buffer | null {
    const list = this.takeList(count);
    return list === null ? null : list.length === 1 && list[0] !== undefined ? list[0] : Buffer.concat(list);
  }
}

export interface Opening {
  readonly session: string;
  readonly values: ReadonlyMap<number, ChunkMap>;
}

/** Reads an opening fed in pieces. */
export class OpeningReader {
  readonly #queue: ByteQueue;
  #session: string | null = null;
  #sessionBytes: number | null = null;
  #file: { index: number; lengthBytes: number } | null = null;
  readonly #values = new Map<number, ChunkMap>();

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /** The opening once it is whole; null: more is needed. @throws Error for bytes that are no opening */
  read(): Opening | null {
    if (this.#sessionBytes === null) {
      const head = this.#queue.take(8);
      if (head === null) return null;
      this.#sessionBytes = head.readUInt32LE(4);
      if (head.readUInt32LE(0) !== OPENING_MAGIC || this.#sessionBytes > MAX_SESSION_CHARS)
        throw new Error('not an opening');
    }
    if (this.#session === null) {
      const name = this.#queue.take(this.#sessionBytes);
      if (name === null) return null;
      this.#session = name.toString();
    }
    for (;;) {
      if (this.#file === null) {
        const head = this.#queue.take(8);
        if (head === null) return null;
        this.#file = { index: head.readUInt32LE(0), lengthBytes: head.readUInt32LE(4) };
        if (this.#file.index === LAST_FILE) return { session: this.#session, values: this.#values };
        const isPossible =
          this.#file.index < MAX_FILES_PER_TRANSFER && this.#file.lengthBytes <= MAX_CHUNKS_PER_FILE * 32;
        if (!isPossible || this.#file.lengthBytes % 32 !== 0) throw new Error('not an opening');
      }
      const values = this.#queue.take(this.#file.lengthBytes);
      if (values === null) return null;
      this.#values.set(this.#file.index, new ChunkMap(Uint8Array.from(values)));
      this.#file = null;
    }
  }
}
