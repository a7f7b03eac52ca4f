/**
 * Which chunks of a transfer wait, are on their way, or are stored. One byte a chunk for the whole transfer, so that
 * 10 GiB cost 10 KiB, and the same bytes are what the strip draws. Pure; half-open ranges everywhere.
 */
export const CELL = { waiting: 0, inFlight: 1, stored: 2 } as const;
export type CellState = (typeof CELL)[keyof typeof CELL];
export type ChunkRange = readonly [number, number];

/** What the engine must know of a file. `chunkCount` 0 is an empty file: nothing of it is ever sent. */
export interface EngineFile {
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly chunkCount: number;
}

/** A run of whole chunks of one file: the body of one PUT. */
export interface PlannedRun {
  readonly fileIndex: number;
  readonly firstChunk: number;
  readonly endChunk: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export class ChunkMap {
  readonly files: readonly EngineFile[];
  /** A `CellState` per chunk, files one after the other. */
  readonly cells: Uint8Array;
  readonly totalBytes: number;
  readonly storedBytesByFile: Float64Array;
  storedBytes = 0;
  readonly #firstCell: Int32Array;
  #cursorFile = 0;
  #changes: ChunkRange[] = [];

  constructor(files: readonly EngineFile[]) {
    this.files = files;
    this.#firstCell = new Int32Array(files.length + 1);
    let cellCount = 0;
    let totalBytes = 0;
    files.forEach((file, index) => {
      this.#firstCell[index] = cellCount;
      cellCount += file.chunkCount;
      totalBytes += file.sizeBytes;
    });
    this.#firstCell[files.length] = cellCount;
    this.cells = new Uint8Array(cellCount);
    this.totalBytes = totalBytes;
    this.storedBytesByFile = new Float64Array(files.length);
  }

  get isComplete(): boolean {
    return this.storedBytes === this.totalBytes;
  }

  firstCellOf(fileIndex: number): number {
    return this.#firstCell[fileIndex] ?? this.cells.length;
  }

  stateOf(fileIndex: number, chunk: number): CellState {
    return (this.cells[this.firstCellOf(fileIndex) + chunk] ?? CELL.waiting) as CellState;
  }

  /** Bytes of chunks [first, end) of a file; its last chunk may be short. */
  bytesOf(fileIndex: number, first: number, end: number): number {
    const file = this.#file(fileIndex);
    return Math.min(end * file.chunkSizeBytes, file.sizeBytes) - first * file.chunkSizeBytes;
  }

  mark(fileIndex: number, first: number, end: number, state: CellState): void {
    const base = this.firstCellOf(fileIndex);
    let changedFrom = -1;
    for (let chunk = first; chunk < end; chunk++) {
      const before = this.cells[base + chunk];
      if (before === state) {
        this.#noteChange(changedFrom, base + chunk);
        changedFrom = -1;
        continue;
      }
      if (changedFrom < 0) changedFrom = base + chunk;
      this.cells[base + chunk] = state;
      if (state === CELL.stored) this.#addStored(fileIndex, this.bytesOf(fileIndex, chunk, chunk + 1));
      else if (before === CELL.stored) this.#addStored(fileIndex, -this.bytesOf(fileIndex, chunk, chunk + 1));
    }
    this.#noteChange(changedFrom, base + end);
    if (state === CELL.waiting && fileIndex < this.#cursorFile) this.#cursorFile = fileIndex;
  }

  /** Puts back to waiting what was on its way in [first, end); what is stored stays stored. */
  release(fileIndex: number, first: number, end: number): void {
    for (let chunk = first; chunk < end; chunk++) {
      if (this.stateOf(fileIndex, chunk) === CELL.inFlight) this.mark(fileIndex, chunk, chunk + 1, CELL.waiting);
    }
  }

  /**
   * Takes over what a server says is committed. `mayHaveLost`: what is stored here and not named there was lost and
   * waits again; otherwise the answer may simply be older than an acknowledgement, and stored stays stored.
   */
  adopt(fileIndex: number, committed: readonly ChunkRange[], mayHaveLost: boolean): void {
    const count = this.#file(fileIndex).chunkCount;
    let next = 0;
    for (const [first, end] of committed) {
      if (mayHaveLost) this.#demoteStored(fileIndex, next, Math.min(first, count));
      this.mark(fileIndex, Math.min(first, count), Math.min(end, count), CELL.stored);
      next = Math.min(end, count);
    }
    if (mayHaveLost) this.#demoteStored(fileIndex, next, count);
  }

  /** The next waiting chunks of the earliest file that has any, at most `maxBytes` unless one chunk is larger. */
  nextRun(maxBytes: number): PlannedRun | null {
    for (let fileIndex = this.#cursorFile; fileIndex < this.files.length; fileIndex++) {
      const file = this.#file(fileIndex);
      const base = this.firstCellOf(fileIndex);
      const first = this.cells.subarray(base, base + file.chunkCount).indexOf(CELL.waiting);
      if (first < 0) {
        if (fileIndex === this.#cursorFile) this.#cursorFile++;
        continue;
      }
      const limit = Math.min(first + Math.max(1, Math.floor(maxBytes / file.chunkSizeBytes)), file.chunkCount);
      let end = first + 1;
      while (end < limit && this.cells[base + end] === CELL.waiting) end++;
      return {
        fileIndex,
        firstChunk: first,
        endChunk: end,
        offsetBytes: first * file.chunkSizeBytes,
        sizeBytes: this.bytesOf(fileIndex, first, end),
      };
    }
    return null;
  }

  /** Cell ranges whose state changed since the last call, for whoever draws them. */
  takeChanges(): ChunkRange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #demoteStored(fileIndex: number, first: number, end: number): void {
    for (let chunk = first; chunk < end; chunk++) {
      if (this.stateOf(fileIndex, chunk) === CELL.stored) this.mark(fileIndex, chunk, chunk + 1, CELL.waiting);
    }
  }

  #noteChange(from: number, end: number): void {
    if (from >= 0 && end > from) this.#changes.push([from, end]);
  }

  #addStored(fileIndex: number, bytes: number): void {
    this.storedBytes += bytes;
    this.storedBytesByFile[fileIndex] = (this.storedBytesByFile[fileIndex] ?? 0) + bytes;
  }

  #file(fileIndex: number): EngineFile {
    const file = this.files[fileIndex];
    if (!file) throw new RangeError(`file ${fileIndex} asked, ${this.files.length} known`);
    return file;
  }
}
