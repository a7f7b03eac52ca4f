import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OPERATOR_STRIP_CELLS } from '../contracts/limits.ts';
import { type StripFile, stripOf } from './transfer-strip.ts';

const file = (chunkCount: number | null, ...ranges: (readonly [number, number])[]): StripFile => ({
  chunkCount,
  committedRanges: () => ranges,
});

describe('the strip of a transfer in signs', () => {
  it.each([
    ['one for each chunk while there is room, whatever landed first', [file(5, [1, 2], [3, 5])], '09099'],
    ['the files one after the other, empty ones nowhere', [file(2, [0, 1]), file(0), file(2, [1, 2])], '9009'],
    ['nothing of no chunks', [file(0)], ''],
    ['of unknown length, with a place for what comes', [file(null, [0, 3])], '9990'],
    ['of unknown length, before there is anything', [file(null)], '0'],
  ])('has %s', (_what, files, strip) => {
    expect(stripOf(files)).toBe(strip);
  });

  it('merges chunks when there are more, and calls a stretch whole or bare only when it is', () => {
    const chunkCount = OPERATOR_STRIP_CELLS * 100;
    expect(stripOf([file(chunkCount, [0, 1], [100, 199], [200, 300], [350, 400])]).slice(0, 5)).toBe('18950');
    expect(stripOf([file(chunkCount, [0, chunkCount])])).toBe('9'.repeat(OPERATOR_STRIP_CELLS));
  });

  it('is never longer than its bound, and says of every stretch what a count of its chunks says', () => {
    const chunks = fc.array(fc.boolean(), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(fc.array(chunks, { minLength: 1, maxLength: 4 }), (perFile) => {
        const files = perFile.map((isThere) =>
          file(isThere.length, ...isThere.flatMap((there, chunk) => (there ? [[chunk, chunk + 1] as const] : []))),
        );
        const all = perFile.flat();
        const cellCount = Math.min(OPERATOR_STRIP_CELLS, all.length);
        const expected = Array.from({ length: cellCount }, (_, cell) => {
          const end = Math.floor(((cell + 1) * all.length) / cellCount);
          const stretch = all.slice(Math.floor((cell * all.length) / cellCount), end);
          const there = stretch.filter(Boolean).length;
          return there === 0
            ? 0
            : there === stretch.length
              ? 9
              : Math.min(8, 1 + Math.floor((there / stretch.length) * 8));
        });
        expect(stripOf(files)).toBe(expected.join(''));
      }),
    );
  });
});
