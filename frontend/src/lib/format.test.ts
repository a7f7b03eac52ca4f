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

  it.each([
    [0, '0 kB/s'],
    // As an axis tells its lines.
    [250, '0.25 kB/s'],
    [999.9, '1 kB/s'],
    [1_550, '1.6 kB/s'],
    [265_400_000, '265 MB/s'],
  ])('writes a rate of %d bytes a second as %s', (bytesPerSecond, text) => {
    expect(en.rate(bytesPerSecond)).toBe(text);
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

  it.each([
    ['2026-11-23T12:00', '2026-11-22T12:00', 'yesterday'],
    ['2026-11-23T12:00', '2026-11-22T06:00', 'yesterday'],
    ['2026-11-23T12:00', '2026-11-24T18:00', 'tomorrow'],
    ['2026-11-23T02:00', '2026-11-21T20:00', '2 days ago'],
    ['2026-11-23T22:00', '2026-11-25T04:00', 'in 2 days'],
    ['2026-11-23T12:00', '2026-11-21T13:00', '2 days ago'],
    ['2026-11-23T12:00', '2026-11-23T15:00', 'in 3 hours'],
    ['2026-11-23T12:00', '2026-11-24T11:59', 'in 24 hours'],
    ['2026-03-28T12:00', '2026-04-27T12:00', 'in 30 days'],
  ])('calls days by the calendar: seen at %s, %s is %s', (now, time, text) => {
    expect(en.relative(new Date(time).getTime(), new Date(now).getTime())).toBe(text);
  });

  it('speaks the locale', () => {
    expect(formatterFor('de').size(1_550)).toBe('1,6 kB');
    expect(formatterFor('de').relative(0, 3 * 86_400_000)).toBe('vor 3 Tagen');
  });
});
