import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { MAX_RANGE_HEADER_CHARS } from '../contracts/limits.ts';
import { decideRange, isNotModified, isPreconditionMet, validatorsOf } from './conditional.ts';

const growing = validatorsOf('fileId', 1, null);
const sealed = validatorsOf('fileId', 1, 'ab'.repeat(32));
const sealedTag = `"b3-${'ab'.repeat(32)}"`;

describe('validatorsOf', () => {
  it('has one tag while the file grows, and both once it is sealed', () => {
    expect(growing).toEqual({ etag: '"fileId-1"', accepted: ['"fileId-1"'] });
    expect(sealed).toEqual({ etag: sealedTag, accepted: [sealedTag, '"fileId-1"'] });
  });
});

describe('isNotModified', () => {
  it.each([
    [undefined, false],
    ['*', true],
    ['"fileId-1"', true],
    ['W/"fileId-1"', true],
    ['"x", "fileId-1"', true],
    [sealedTag, true],
    ['"fileId-2"', false],
    ['fileId-1', false],
    ['', false],
    ['"other"', false],
  ])('of If-None-Match %p is %p', (header, wanted) => {
    expect(isNotModified(header, sealed)).toBe(wanted);
  });
});

describe('isPreconditionMet', () => {
  it.each([
    [undefined, true],
    ['*', true],
    ['"fileId-1"', true],
    ['"x" , "fileId-1"', true],
    ['W/"fileId-1"', false],
    ['"fileId-2"', false],
    ['', false],
  ])('of If-Match %p is %p', (header, wanted) => {
    expect(isPreconditionMet(header, sealed)).toBe(wanted);
  });
});

describe('decideRange', () => {
  const size = 1000;
  const decide = (range: string | undefined, ifRange?: string) => decideRange({ range, ifRange }, size, sealed);

  it.each([
    ['bytes=0-', 0, 1000],
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=999-', 999, 1000],
    ['bytes=990-5000', 990, 1000],
    ['bytes=0-99999999999999999999', 0, 1000],
    ['bytes=-1', 999, 1000],
    ['bytes=-1000', 0, 1000],
    ['bytes=-5000', 0, 1000],
    ['BYTES=5-6', 5, 7],
    ['bytes= 5-6 ', 5, 7],
  ])('reads %s', (range, from, to) => {
    expect(decide(range)).toEqual({ kind: 'part', from, to });
  });

  it.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=5-4', 'bytes=-0', 'bytes=99999999999999999999999-'])(
    'cannot serve %s',
    (range) => {
      expect(decide(range)).toEqual({ kind: 'unsatisfiable' });
    },
  );

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=0',
    'bytes=0-1,5-6',
    'bytes=0-1,',
    'bytes=--1',
    'bytes=+1-2',
    'bytes=1.5-2',
    'bytes=0x1-2',
    'bytes=1e1-',
    'items=0-1',
    'bytes=0-1;x',
    'bytes=٣-',
    `bytes=${'0'.repeat(MAX_RANGE_HEADER_CHARS)}1-`,
  ])('ignores %p', (range) => {
    expect(decide(range)).toEqual({ kind: 'whole' });
  });

  it.each([
    [undefined, 'part'],
    ['"fileId-1"', 'part'],
    [sealedTag, 'part'],
    ['"fileId-2"', 'whole'],
    ['W/"fileId-1"', 'whole'],
    ['Sun, 22 Nov 2026 17:00:00 GMT', 'whole'],
    ['', 'whole'],
    ['*', 'whole'],
  ])('with If-Range %p gives a %s', (ifRange, kind) => {
    expect(decide('bytes=1-2', ifRange).kind).toBe(kind);
  });

  it('refuses every range of an empty file', () => {
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-5', 'bytes=-0']) {
      expect(decideRange({ range }, 0, growing)).toEqual({ kind: 'unsatisfiable' });
    }
  });

  it('answers any header with a range inside the file, the whole, or a refusal', async () => {
    const number = fc.oneof(
      fc.nat({ max: 1100 }).map(String),
      fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String),
      fc.constant(''),
    );
    const header = fc.oneof(
      fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
      fc
        .array(fc.constantFrom('bytes', '=', '-', ',', '0', '9', ' ', '\t', 'B', '.', '\0'), { maxLength: 14 })
        .map((parts) => parts.join('')),
      anyText(),
      fc.string().map((text) => `bytes=${text}`),
    );
    const sizes = fc.oneof(fc.nat({ max: 1100 }), fc.maxSafeNat());
    await fuzz(
      'decideRange',
      fc.property(header, fc.option(header, { nil: undefined }), sizes, (range, ifRange, sizeBytes) => {
        const decision = decideRange({ range, ifRange }, sizeBytes, growing);
        if (decision.kind === 'part') {
          assert(Number.isSafeInteger(decision.from) && Number.isSafeInteger(decision.to));
          assert(decision.from >= 0 && decision.from < decision.to && decision.to <= sizeBytes);
        }
        const asked = /^bytes=(\d+)-(\d*)$/.exec(range);
        if (ifRange !== undefined || asked === null || range.length > MAX_RANGE_HEADER_CHARS) return;
        const from = BigInt(asked[1] ?? '');
        const last = asked[2] === '' ? from : BigInt(asked[2] ?? '');
        assert.equal(decision.kind, from < BigInt(sizeBytes) && last >= from ? 'part' : 'unsatisfiable');
      }),
    );
  });

  it('compares any tags without a fault, and never matches a stranger', async () => {
    const tag = fc.oneof(anyText(), fc.constantFrom('"fileId-1"', 'W/"fileId-1"', '*', ',', '"', ' '));
    await fuzz(
      'If-None-Match, If-Match',
      fc.property(fc.array(tag, { maxLength: 6 }), (tags) => {
        const header = tags.join(',');
        const isNamed = header.split(',').some((one) => one.trim() === '"fileId-1"') || header.trim() === '*';
        const isNamedWeakly = isNamed || header.split(',').some((one) => one.trim() === 'W/"fileId-1"');
        assert.equal(isPreconditionMet(header, growing), isNamed);
        assert.equal(isNotModified(header, growing), isNamedWeakly);
      }),
    );
  });
});
