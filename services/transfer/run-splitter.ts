import { KIB } from '../contracts/limits.ts';

/** A chunk's bytes as they came: buffers of any lengths, in order. */
export interface SplitChunk {
  readonly index: number;
  readonly bytes: readonly Uint8Array[];
  readonly lengthBytes: number;
}

/**
 * A shorter piece is copied together with its neighbours: a body that trickles in byte by byte would otherwise hold an
 * object for each, and more of them than one write takes.
 */
const SMALL_PIECE_BYTES = 4 * KIB;
const BLOCK_BYTES = 64 * KIB;

/**
 * Cuts a body into chunks, free of sockets: buffers in, whole chunks out. A chunk's buffers are views of what came;
 * only small pieces are copied. A chunk of n bytes has at most n / 2048 + 1 buffers, however it came.
 */
export class RunSplitter {
  readonly #chunkSizeBytes: number;
  /** Bytes from the start of the run to the end of the file; Infinity when unknown. */
  readonly #restBytes: number;
  #nextIndex: number;
  #takenBytes = 0;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Small pieces are gathered here; what was handed out of it is never written again. */
  #block: Uint8Array | null = null;
  #blockBytes = 0;
  /** Where the view of the block that ends the pending list begins; -1 when something else ends it. */
  #openView = -1;
  #viewCount = 0;

  constructor(firstChunk: number, chunkSizeBytes: number, sizeBytes: number | null) {
    this.#nextIndex = firstChunk;
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#restBytes = sizeBytes === null ? Number.POSITIVE_INFINITY : sizeBytes - firstChunk * chunkSizeBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** What may be gathered for one chunk. */
  get largestChunkBytes(): number {
    return Math.min(this.#chunkSizeBytes, this.#restBytes);
  }

  /** Bytes that belong to a chunk that is not whole yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** How many chunks, the one begun included, hold a view of what was pushed last; those with a copy need it no more. */
  get viewCount(): number {
    return this.#viewCount;
  }

  /** The chunks that these bytes complete, or null when they go beyond the end of the file. */
  push(bytes: Uint8Array): SplitChunk[] | null {
    this.#viewCount = 0;
    if (this.#takenBytes + bytes.length > this.#restBytes) return null;
    const chunks: SplitChunk[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      const wanted =
        Math.min(this.#chunkSizeBytes, this.#pendingBytes + this.#restBytes - this.#takenBytes) - this.#pendingBytes;
      const part = rest.length <= wanted ? rest : rest.subarray(0, wanted);
      this.#append(part);
      this.#pendingBytes += part.length;
      this.#takenBytes += part.length;
      if (part.length === wanted) chunks.push(this.#take());
      rest = rest.subarray(part.length);
    }
    return chunks;
  }

  /** What is left when a body of unknown length ended cleanly: the last, short chunk, or null. */
  finish(): SplitChunk | null {
    return this.#pendingBytes === 0 ? null : this.#take();
  }

  #append(part: Uint8Array): void {
    if (part.length >= SMALL_PIECE_BYTES) {
      this.#pending.push(part);
      this.#openView = -1;
      this.#viewCount += 1;
      return;
    }
    if (this.#block === null || this.#blockBytes + part.length > BLOCK_BYTES) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#blockBytes = 0;
      this.#openView = -1;
    }
    this.#block.set(part, this.#blockBytes);
    if (this.#openView === -1) this.#openView = this.#blockBytes;
    else this.#pending.pop();
    this.#blockBytes += part.length;
    this.#pending.push(this.#block.subarray(this.#openView, this.#blockBytes));
  }

  #take(): SplitChunk {
    const chunk = { index: this.#nextIndex, bytes: this.#pending, lengthBytes: this.#pendingBytes };
    this.#nextIndex += 1;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#openView = -1;
    return chunk;
  }
}
