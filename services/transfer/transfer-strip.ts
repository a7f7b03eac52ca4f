/** A transfer's real chunks in so few signs that a page may have those of two hundred transfers each second. Pure. */
import { OPERATOR_STRIP_CELLS } from '../contracts/limits.ts';

export interface StripFile {
  /** null while nobody knows. */
  readonly chunkCount: number | null;
  /** Half-open and ascending. */
  committedRanges(): readonly (readonly [number, number])[];
}

/**
 * One sign for each stretch of chunks, the files one after the other, at most `OPERATOR_STRIP_CELLS`: 0 where none of it is
 * committed, 9 where all of it is, 1 to 8 between. A file of unknown length has a place for what comes next.
 */
export function stripOf(files: readonly StripFile[]): string {
  const known = files.map((file) => ({ file, ranges: file.committedRanges() }));
  const counts = known.map(({ file, ranges }) => file.chunkCount ?? (ranges.at(-1)?.[1] ?? 0) + 1);
  const chunkCount = counts.reduce((sum, count) => sum + count, 0);
  const cellCount = Math.min(OPERATOR_STRIP_CELLS, chunkCount);
  const startOf = (cell: number) => Math.floor((cell * chunkCount) / cellCount);
  const committed = new Array<number>(cellCount).fill(0);
  let first = 0;
  let cell = 0;
  known.forEach(({ ranges }, index) => {
    const end = first + (counts[index] ?? 0);
    for (const [from, to] of ranges) {
      const last = Math.min(first + to, end);
      let chunk = first + from;
      while (chunk < last) {
        while (startOf(cell + 1) <= chunk) cell += 1;
        const until = Math.min(last, startOf(cell + 1));
        committed[cell] = (committed[cell] ?? 0) + until - chunk;
        chunk = until;
      }
    }
    first = end;
  });
  return committed.map((count, at) => signOf(count, startOf(at + 1) - startOf(at))).join('');
}

function signOf(committed: number, chunkCount: number): number {
  if (committed === 0) return 0;
  return committed === chunkCount ? 9 : Math.min(8, 1 + Math.floor((committed / chunkCount) * 8));
}
