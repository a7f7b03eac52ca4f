import assert from 'node:assert/strict';
import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { fuzz } from '../../../test/support/fuzz.ts';
import type { Ranges } from '../../kernel/ranges.ts';
import { commonRanges, mergedRanges } from './byte-ranges.ts';

const range = fc
  .tuple(fc.nat({ max: 60 }), fc.nat({ max: 12 }))
  .map(([from, length]) => [from, from + length] as const);
const ranges = fc.array(range, { maxLength: 12 });
const bytesOf = (given: Ranges) => {
  const all = new Set<number>();
  for (const [from, to] of given) for (let byte = from; byte < to; byte += 1) all.add(byte);
  return all;
};
const sorted = (bytes: Iterable<number>) => [...bytes].sort((a, b) => a - b);

describe('ranges of bytes', () => {
  it('are the same bytes when merged, ascending, apart from each other, without empty ones', async () => {
    await fuzz(
      'merged ranges',
      fc.property(ranges, (given) => {
        const merged = mergedRanges(given);
        assert.deepEqual(sorted(bytesOf(merged)), sorted(bytesOf(given)));
        merged.forEach(([from, to], index) => {
          assert(from < to && from > (merged[index - 1]?.[1] ?? -1));
        });
      }),
    );
  });

  it('have in common the bytes that are in both', async () => {
    await fuzz(
      'common ranges',
      fc.property(ranges, ranges, (a, b) => {
        const common = commonRanges(mergedRanges(a), mergedRanges(b));
        const both = [...bytesOf(a)].filter((byte) => bytesOf(b).has(byte));
        assert.deepEqual(sorted(bytesOf(common)), sorted(both));
      }),
    );
  });
});
