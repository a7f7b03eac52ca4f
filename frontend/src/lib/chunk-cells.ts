/** Cells of a transfer's real chunks, from what a server says of them. Pure; one `CellState` a chunk, file after file. */
import type { ChunkStatus } from '../../../services/contracts/http.ts';
import { CELL } from '../transfer-engine/chunk-map.ts';

export interface FileOfCells {
  /** null while nobody knows. */
  readonly sizeBytes: number | null;
  readonly chunkSizeBytes: number;
  /** How many cells are its. */
  readonly chunkCount: number;
}

/**
 * The same transfer as somebody sees it who receives it: stored is what is with them, on its way what the server has.
 * Files are read one after the other, each from its beginning: what is with them are the first so many bytes.
 * @param cells what is stored at the server
 */
export function cellsWithReader(cells: Uint8Array, files: readonly FileOfCells[], bytesThere: number): Uint8Array {
  const seen = cells.map((state) => (state === CELL.stored ? CELL.inFlight : CELL.waiting));
  let first = 0;
  let leftBytes = bytesThere;
  for (const { sizeBytes, chunkSizeBytes, chunkCount } of files) {
    const isWhole = sizeBytes !== null && leftBytes >= sizeBytes;
    const thereCount = isWhole ? chunkCount : Math.floor(leftBytes / chunkSizeBytes);
    seen.fill(CELL.stored, first, first + Math.min(thereCount, chunkCount));
    if (!isWhole) break;
    leftBytes -= sizeBytes;
    first += chunkCount;
  }
  return seen;
}

/** What is committed of each file. A file of unknown length has a place for what comes next. */
export function cellsOfStatus(files: readonly Pick<ChunkStatus, 'chunkCount' | 'committed'>[]): Uint8Array {
  const counts = files.map(({ chunkCount, committed }) => chunkCount ?? (committed.at(-1)?.[1] ?? 0) + 1);
  const cells = new Uint8Array(counts.reduce((sum, count) => sum + count, 0));
  let first = 0;
  files.forEach(({ committed }, index) => {
    const count = counts[index] ?? 0;
    for (const [from, end] of committed) cells.fill(CELL.stored, first + from, first + Math.min(end, count));
    first += count;
  });
  return cells;
}
