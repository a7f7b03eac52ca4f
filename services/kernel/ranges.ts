/** Half-open, ascending, disjoint and not touching: [[0, 3], [5, 6]]. */
export type Ranges = readonly (readonly [number, number])[];

/** Ranges of a list of indexes in any order; duplicates are fine. */
export function rangesOf(indexes: Iterable<number>): [number, number][] {
  const sorted = [...indexes].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const index of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && index <= last[1]) last[1] = index + 1;
    else ranges.push([index, index + 1]);
  }
  return ranges;
}
