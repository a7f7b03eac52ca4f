import { createHmac } from 'node:crypto';
import { MAX_CHUNK_BYTES, MAX_CHUNKS_PER_FILE, MAX_FILES_PER_TRANSFER, MIB } from '../../contracts/limits.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { FrameAnswer } from '../replication/ports.ts';
import type { ByteQueue } from './byte-queue.ts';

/**
 * The bytes of a replication session. Home to replica: frames, each a header of 96 bytes and the chunk. Replica to
 * home: the opening (session and what it holds), then an answer of 16 bytes a frame. Integers are little-endian.
 *
 *   frame header   0 magic "PLF1" · 4 file index u32 · 8 chunk index u32 · 12 length u32 · 16 number u64 · 24 epoch u64
 *                  32 chaining value (32 bytes) · 64 MAC over bytes 0 to 63 under the session's key (32 bytes)
 *                  file index 0xffffffff, length 0: a pulse, which is answered and says nothing
 *   wait           0 magic "PLW1" · 4 zero u32: before an opening, while the replica still looks at what it holds
 *   opening        0 magic "PLO1" · 4 session length u32 · session · then per file: index u32, length u32, values ·
 *                  ends with index 0xffffffff, length 0. Indexes rise
 *   answer         0 number u64 · 8 kind u8 · 9 zero
 */
export const FRAME_HEADER_BYTES = 96;
export const ANSWER_BYTES = 16;
const FRAME_MAGIC = 0x31464c50;
const OPENING_MAGIC = 0x314f4c50;
const WAIT_MAGIC = 0x31574c50;
/** One a second: a replica that takes longer than this is not waited for. */
const MAX_WAITS = 120;
const LAST_FILE = 0xffff_ffff;
const PULSE_FILE = 0xffff_ffff;
const MAX_SESSION_BYTES = 64;
/** Values of two million chunks: 2 TiB in chunks of a MiB. What has more is not replicated. */
const MAX_OPENING_BYTES = 64 * MIB;

export interface FrameHeader {
  /** `pulse`: no chunk follows; index, length and value say nothing. */
  readonly kind: 'chunk' | 'pulse';
  readonly fileIndex: number;
  readonly chunkIndex: number;
  readonly lengthBytes: number;
  readonly number: number;
  readonly epoch: number;
  readonly value: Uint8Array;
}

export function encodeFrameHeader(header: Omit<FrameHeader, 'kind'>, key: Uint8Array): Buffer {
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

export function encodePulse(number: number, key: Uint8Array): Buffer {
  const value = new Uint8Array(32);
  return encodeFrameHeader({ fileIndex: PULSE_FILE, chunkIndex: 0, lengthBytes: 0, number, epoch: 0, value }, key);
}

/** Null: no frame of this session; nothing that follows can be trusted. */
export function decodeFrameHeader(bytes: Buffer, key: Uint8Array): FrameHeader | null {
  if (bytes.length !== FRAME_HEADER_BYTES) return null;
  const mac = createHmac('sha256', key).update(bytes.subarray(0, 64)).digest();
  if (!isEqualBytes(mac, bytes.subarray(64, FRAME_HEADER_BYTES)) || bytes.readUInt32LE(0) !== FRAME_MAGIC) return null;
  const fileIndex = bytes.readUInt32LE(4);
  const header = {
    fileIndex,
    chunkIndex: bytes.readUInt32LE(8),
    lengthBytes: bytes.readUInt32LE(12),
    number: Number(bytes.readBigUInt64LE(16)),
    epoch: Number(bytes.readBigUInt64LE(24)),
    value: Uint8Array.from(bytes.subarray(32, 64)),
  };
  if (!Number.isSafeInteger(header.number) || !Number.isSafeInteger(header.epoch)) return null;
  if (fileIndex === PULSE_FILE) return header.lengthBytes === 0 ? { kind: 'pulse', ...header } : null;
  const isPossible =
    fileIndex < MAX_FILES_PER_TRANSFER &&
    header.chunkIndex < MAX_CHUNKS_PER_FILE &&
    header.lengthBytes > 0 &&
    header.lengthBytes <= MAX_CHUNK_BYTES;
  return isPossible ? { kind: 'chunk', ...header } : null;
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

/** Null: no answer; nothing that follows can be trusted. */
export function decodeAnswer(bytes: Buffer): { number: number; answer: FrameAnswer } | null {
  if (bytes.length !== ANSWER_BYTES) return null;
  const answer = ANSWER_KINDS[bytes.readUInt8(8)];
  const number = Number(bytes.readBigUInt64LE(0));
  const isZeroed = bytes.subarray(9).every((byte) => byte === 0);
  return answer === undefined || !isZeroed || !Number.isSafeInteger(number) ? null : { number, answer };
}

/** Says that the opening follows. */
export function encodeWait(): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(WAIT_MAGIC, 0);
  return bytes;
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
  #waitCount = 0;
  #lastIndex = -1;
  #totalBytes = 0;
  readonly #values = new Map<number, ChunkMap>();

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /** The opening once it is whole; null: more is needed. @throws Error for bytes that are no opening */
  read(): Opening | null {
    const session = this.#readSession();
    if (session === null) return null;
    for (;;) {
      if (this.#file === null) {
        const head = this.#queue.take(8);
        if (head === null) return null;
        const file = { index: head.readUInt32LE(0), lengthBytes: head.readUInt32LE(4) };
        if (file.index === LAST_FILE && file.lengthBytes === 0) return { session, values: this.#values };
        this.#assertPossible(file);
        this.#file = file;
      }
      const values = this.#queue.take(this.#file.lengthBytes);
      if (values === null) return null;
      this.#values.set(this.#file.index, new ChunkMap(Uint8Array.from(values)));
      this.#file = null;
    }
  }

  #readSession(): string | null {
    if (this.#session !== null) return this.#session;
    while (this.#sessionBytes === null) {
      const head = this.#queue.take(8);
      if (head === null) return null;
      if (head.readUInt32LE(0) === WAIT_MAGIC && head.readUInt32LE(4) === 0 && this.#waitCount < MAX_WAITS) {
        this.#waitCount += 1;
        continue;
      }
      const lengthBytes = head.readUInt32LE(4);
      if (head.readUInt32LE(0) !== OPENING_MAGIC || lengthBytes === 0 || lengthBytes > MAX_SESSION_BYTES)
        throw new Error('not an opening');
      this.#sessionBytes = lengthBytes;
    }
    const name = this.#queue.take(this.#sessionBytes)?.toString('latin1') ?? null;
    if (name !== null && !/^[\x21-\x7e]+$/.test(name)) throw new Error('not an opening');
    this.#session = name;
    return name;
  }

  #assertPossible({ index, lengthBytes }: { index: number; lengthBytes: number }): void {
    this.#totalBytes += lengthBytes;
    const isPossible =
      index > this.#lastIndex &&
      index < MAX_FILES_PER_TRANSFER &&
      lengthBytes <= MAX_CHUNKS_PER_FILE * 32 &&
      lengthBytes % 32 === 0 &&
      this.#totalBytes <= MAX_OPENING_BYTES;
    if (!isPossible) throw new Error('not an opening');
    this.#lastIndex = index;
  }
}
