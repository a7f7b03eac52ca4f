/** The strip of a share as whoever receives it sees it. */
import type { ShareResponse } from '../../../services/contracts/http.ts';
import type { TransferProgress } from '../../../services/contracts/socket.ts';
import { CELL } from '../transfer-engine/chunk-map.ts';

type Committed = TransferProgress['committed'];

/** The cells of all files, in order; changed in place, `revision` tells of it. */
export interface LiveStrip {
  readonly cells: Uint8Array;
  readonly revision: number;
  readonly committedBytes: number;
}

/** @param meanwhile what was told of while the answer was on its way: it may say nothing of that */
export function stripOf(answer: ShareResponse, revision: number, meanwhile: readonly Committed[] = []): LiveStrip {
  const counts = answer.files.map((file) => file.chunkCount ?? file.committedChunkCount + 1);
  const cells = new Uint8Array(counts.reduce((sum, count) => sum + count, 0));
  let first = 0;
  answer.files.forEach((file, index) => {
    const count = counts[index] ?? 0;
    if (answer.share.state === 'sealed') cells.fill(CELL.stored, first, first + count);
    const ranges = answer.committed[file.index] ?? (file.digest === null ? [] : [[0, count] as const]);
    for (const [from, end] of ranges) cells.fill(CELL.stored, first + from, first + Math.min(end, count));
    first += count;
  });
  let { committedBytes } = answer.share;
  for (const committed of meanwhile) committedBytes += markCommitted(answer, cells, committed);
  return { cells, revision, committedBytes };
}

/** Marks what was just committed; answers how many bytes were new. */
export function markCommitted(answer: ShareResponse, cells: Uint8Array, committed: Committed): number {
  let bytes = 0;
  let first = 0;
  for (const file of answer.files) {
    const count = file.chunkCount ?? file.committedChunkCount + 1;
    for (const [from, end] of committed[file.index] ?? []) {
      for (let chunk = from; chunk < Math.min(end, count); chunk++) {
        if (cells[first + chunk] === CELL.stored) continue;
        cells[first + chunk] = CELL.stored;
        const offset = chunk * file.chunkSizeBytes;
        bytes += Math.min(file.chunkSizeBytes, (file.sizeBytes ?? offset + file.chunkSizeBytes) - offset);
      }
    }
    first += count;
  }
  return bytes;
}

/** What is told of while answers are on their way, for each as long as it takes. */
export class Meanwhile {
  readonly #lists = new Set<Committed[]>();

  heard(committed: Committed): void {
    for (const list of this.#lists) list.push(committed);
  }

  /** Begins to listen; the returned function ends it, and answers what was heard. */
  listen(): () => readonly Committed[] {
    const list: Committed[] = [];
    this.#lists.add(list);
    return () => {
      this.#lists.delete(list);
      return list;
    };
  }
}

/** Bytes from the beginning on without a gap, the files one after the other: what a reader can have of it now. */
export function leadingBytes(answer: ShareResponse, cells: Uint8Array): number {
  let bytes = 0;
  let first = 0;
  for (const file of answer.files) {
    const count = file.chunkCount ?? file.committedChunkCount + 1;
    for (let chunk = 0; chunk < count; chunk++) {
      if (cells[first + chunk] !== CELL.stored) return bytes;
      const offset = chunk * file.chunkSizeBytes;
      bytes += Math.min(file.chunkSizeBytes, (file.sizeBytes ?? offset + file.chunkSizeBytes) - offset);
    }
    first += count;
  }
  return bytes;
}
