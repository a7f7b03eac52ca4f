import { describe, expect, it } from '@jest/globals';
import { stripPaths } from './strip-paths.ts';

describe('a strip of signs as it is drawn', () => {
  it('has a place for each sign, ink where all of it is stored, and rises where some of it is', () => {
    expect(stripPaths('0939')).toEqual({
      bare: 'M0 0h.8v9h-.8zM1 0h.8v9h-.8zM2 0h.8v9h-.8zM3 0h.8v9h-.8z',
      stored: 'M1 0h.8v9h-.8zM3 0h.8v9h-.8z',
      landing: 'M2 6h.8v3h-.8z',
    });
  });

  it('is as long as its bound at most, and nothing where there is nothing', () => {
    expect(stripPaths('')).toEqual({ bare: '', stored: '', landing: '' });
    expect(stripPaths('1'.repeat(64)).landing.match(/M/g)).toHaveLength(64);
  });
});
