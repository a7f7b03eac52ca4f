/** A chunk's bytes as they came: buffers of any lengths, in order. */
export interface SplitChunk {
  readonly index: number;
  readonly bytes: readonly Uint8Array[];
  readonly lengthBytes: number;
}

/**
 * Cuts a body into chunks, free of sockets: buffers in, whole chunks out. Nothing is copied; a chunk's buffers are
 * views of what came.
 */
export class RunSplitter {
  readonly #chunkSizeBytes: number;
  /** Bytes from the start of the run to the end of the file; Infinity when unknown. */
  readonly #restBytes: number;
  #nextIndex: number;
  #takenBytes = 0;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(firstChunk: number, chunkSizeBytes: number, sizeBytes: number | null) {
    this.#nextIndex = firstChunk;
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#restBytes = sizeBytes === null ? Number.POSITIVE_INFINITY : sizeBytes - firstChunk * chunkSizeBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Bytes that belong to a chunk that is not whole yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The chunks that these bytes complete, or null when they go beyond the end of the file. */
  push(bytes: Uint8Array): SplitChunk[] | null {
    if (this.#takenBytes + bytes.length > this.#restBytes) return null;
    const chunks: SplitChunk[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      const wanted =
        Math.min(this.#chunkSizeBytes, this.#pendingBytes + this.#restBytes - this.#takenBytes) - this.#pendingBytes;
      const part = rest.length <= wanted ? rest : rest.subarray(0, wanted);
      this.#pending.push(part);
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

  #take(): SplitChunk {
    const chunk = { index: this.#nextIndex, bytes: this.#pending, lengthBytes: this.#pendingBytes };
    this.#nextIndex += 1;
    this.#pending = [];
    this.#pendingBytes = 0;
    return chunk;
  }
}
