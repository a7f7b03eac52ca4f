import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText } from '../../test/support/fuzz.ts';
import * as read from './setting-values.ts';

const RUNS = { numRuns: 10_000 };

describe('size', () => {
  it.each([
    ['0', 0],
    ['1073741824', 1024 ** 3],
    ['512MiB', 512 * 1024 ** 2],
    ['512 mib', 512 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['10GB', 1e10],
    ['7b', 7],
  ])('reads %s', (text, bytes) => {
    expect(read.size(0, Number.MAX_SAFE_INTEGER)(text)).toEqual({ ok: true, value: bytes });
  });

  it.each([
    '',
    '-1',
    '1e3',
    'NaN',
    'Infinity',
    '0x10',
    '1.5',
    '9007199254740993',
    '5 PiB',
    'MiB',
    '1,000',
    '1_000',
    '１',
  ])('refuses %j', (text) => {
    expect(read.size(0, Number.MAX_SAFE_INTEGER)(text).ok).toBe(false);
  });

  it('holds its bounds: at, one over', () => {
    const reader = read.size(10, 20);
    expect([9, 10, 20, 21].map((bytes) => reader(String(bytes)).ok)).toEqual([false, true, true, false]);
  });

  it('reads back every size it was written as', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4096 }),
        fc.constantFrom(['KiB', 1024], ['MiB', 1024 ** 2], ['GiB', 1024 ** 3]),
        (count, [unit, factor]) => {
          const reading = read.size(0, Number.MAX_SAFE_INTEGER)(`${count}${unit}`);
          assert.deepEqual(reading, { ok: true, value: count * Number(factor) });
        },
      ),
      RUNS,
    );
  });
});

describe('durations', () => {
  it('count in the unit of their name', () => {
    expect(read.seconds(0, 1e9)('24h')).toEqual({ ok: true, value: 86_400 });
    expect(read.seconds(0, 1e9)('60')).toEqual({ ok: true, value: 60 });
    expect(read.milliseconds(0, 1e9)('60')).toEqual({ ok: true, value: 60 });
    expect(read.milliseconds(0, 1e9)('0.5s')).toEqual({ ok: true, value: 500 });
  });

  it('refuse what is no whole number of them', () => {
    expect(read.seconds(0, 1e9)('1500ms').ok).toBe(false);
    expect(read.milliseconds(0, 1e9)('0.0001s').ok).toBe(false);
  });
});

describe('every reader', () => {
  const readers: read.SettingReader<unknown>[] = [
    read.size(0, 1e15),
    read.seconds(0, 1e9),
    read.milliseconds(0, 1e9),
    read.origin,
    read.hostName,
    read.hostAndPort,
    read.listOf(read.cidr),
    read.listOf(read.origin),
    read.yesOrNo,
    read.wholeNumber(0, 65_535),
    read.powerOfTwo(read.size(16_384, 2 ** 20)),
    read.urlWithScheme(['redis']),
  ];

  it('answers any text without throwing', () => {
    const text = fc.oneof(
      anyText(),
      fc.string(),
      fc.webUrl(),
      fc.ipV6(),
      fc.ipV4(),
      fc.stringMatching(/^[0-9.]+[a-zA-Z]*$/),
    );
    fc.assert(
      fc.property(text, (value) => {
        for (const reader of readers) {
          const reading = reader(value);
          if (!reading.ok) assert(reading.wanted.length > 0);
        }
      }),
      RUNS,
    );
  });

  it('gives an origin that a URL agrees with, and never one with user, path or query', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const reading = read.origin(url);
        if (reading.ok) assert.equal(new URL(url).origin, reading.value);
        if (new URL(url).pathname !== '/' || url.includes('?') || url.includes('#')) assert(!reading.ok);
      }),
      RUNS,
    );
    for (const text of [
      'http://a@b',
      'http://a:b@c',
      'ftp://x',
      'http://',
      'http:///x',
      'http://a b',
      'javascript://a',
      'http://a\\b',
    ]) {
      expect(read.origin(text).ok).toBe(false);
    }
  });
});
