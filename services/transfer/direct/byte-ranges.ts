import type { Ranges } from '../../kernel/ranges.ts';

/** The same bytes as ascending, disjoint ranges that do not touch; empty ones are dropped. */
export function mergedRanges(given: Ranges): [number, number][] {
  const sorted = given.filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Bytes that are in both; each given ascending and disjoint. */
export function commonRanges(a: Ranges, b: Ranges): [number, number][] {
  const common: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left, right] = [a[i], b[j]];
    if (left === undefined || right === undefined) break;
    const from = Math.max(left[0], right[0]);
    const to = Math.min(left[1], right[1]);
    if (from < to) common.push([from, to]);
    if (left[1] < right[1]) i += 1;
    else j += 1;
  }
  return common;
}
