import { describe, expect, it } from '@jest/globals';
import { formatterFor } from './format.ts';

const en = formatterFor('en-GB');

describe('format', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1_000, '1 kB'],
    [1_550, '1.6 kB'],
    [999_960, '1 MB'],
    [123_456_789, '123 MB'],
    [3 * 1024 ** 3, '3.2 GB'],
    [Number.MAX_SAFE_INTEGER, '9 PB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(en.size(bytes)).toBe(text);
  });

  it('never says 100 % before it is whole', () => {
    expect(en.percent(0.999_99)).toBe('99%');
    expect(en.percent(1)).toBe('100%');
  });

  it('rounds time left up and keeps to one unit', () => {
    expect(en.duration(10)).toBe('1 sec');
    expect(en.duration(119_000)).toBe('119 secs');
    expect(en.duration(121_000)).toBe('3 mins');
  });

  it('tells the time of day as exactly as asked, and lists with a last word of its own', () => {
    const noon = new Date(2026, 10, 22, 12, 5, 9).getTime();
    expect(en.clock(noon, 'minute')).toBe('12:05');
    expect(en.clock(noon, 'second')).toBe('12:05:09');
    expect(en.list(['a', 'b', 'c'])).toBe('a, b and c');
  });

  it('speaks the locale', () => {
    expect(formatterFor('de').size(1_550)).toBe('1,6 kB');
    expect(formatterFor('de').relative(0, 3 * 86_400_000)).toBe('vor 3 Tagen');
  });
});
