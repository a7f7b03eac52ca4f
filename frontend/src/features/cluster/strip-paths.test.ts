import { describe, expect, it } from '@jest/globals';
import { stripGap, stripPaths } from './strip-paths.ts';

describe('a strip of signs as it is drawn', () => {
  it('has a place for each sign, ink where all of it is stored, and rises where some of it is', () => {
    expect(stripPaths('0939')).toEqual({
      bare: 'M0 0h0.9875v9h-0.9875zM1 0h0.9875v9h-0.9875zM2 0h0.9875v9h-0.9875zM3 0h0.9875v9h-0.9875z',
      stored: 'M1 0h0.9875v9h-0.9875zM3 0h0.9875v9h-0.9875z',
      landing: 'M2 6h0.9875v3h-0.9875z',
    });
  });

  it.each([1, 3, 16, 64])('has gaps of the same width between %i bars as between any', (count) => {
    expect(stripGap(count) / count).toBeCloseTo(0.2 / 64, 6);
  });

  it('is as long as its bound at most, and nothing where there is nothing', () => {
    expect(stripPaths('')).toEqual({ bare: '', stored: '', landing: '' });
    expect(stripPaths('1'.repeat(64)).landing.match(/M/g)).toHaveLength(64);
  });
});
