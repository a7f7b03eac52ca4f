import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_JSON_DEPTH, MAX_JSON_MEMBERS } from '../contracts/limits.ts';
import { parseJson } from './json-body.ts';
import { jsonShape } from './json-depth.ts';

const RUNS = { numRuns: 10_000 };
const jsonDepth = (text: string, maxDepth?: number) =>
  jsonShape(text, maxDepth === undefined ? {} : { maxDepth }).depth;
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function typeOf(act: () => unknown): string {
  try {
    act();
  } catch (fault) {
    return fault instanceof PeerLinkError ? fault.type : `${String(fault)}`;
  }
  return 'ok';
}

describe('the depth of JSON', () => {
  it('is that of the value, for any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 12 }), fc.nat(3), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        assert.equal(jsonDepth(spaced), depthOf(JSON.parse(text)));
      }),
      RUNS,
    );
  });

  it('does not count brackets in strings, however they are escaped', () => {
    for (const text of ['"[[[["', '"\\"[[["', '["\\\\", 1]', '{"[[":"{{\\"{{"}']) {
      expect(jsonDepth(text)).toBe(depthOf(JSON.parse(text)));
    }
  });

  it('stops counting one above the limit', () => {
    expect(jsonDepth(nested(1_000_000), 8)).toBe(9);
  });
});

describe('parseJson', () => {
  it('takes nesting at the limit, refuses one over and far over', () => {
    expect(typeOf(() => parseJson(Buffer.from(nested(MAX_JSON_DEPTH)), MAX_JSON_DEPTH))).toBe('ok');
    expect(typeOf(() => parseJson(Buffer.from(nested(MAX_JSON_DEPTH + 1)), MAX_JSON_DEPTH))).toBe('bad_json');
    expect(typeOf(() => parseJson(Buffer.from('['.repeat(4_000_000)), MAX_JSON_DEPTH))).toBe('bad_json');
  });

  it('refuses what is no UTF-8', () => {
    expect(typeOf(() => parseJson(Buffer.from([0x22, 0xc3, 0x28, 0x22]), 8))).toBe('bad_json');
  });

  it('gives a value or bad_json for any bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.string().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(text).subarray(0, -1)),
    );
    fc.assert(
      fc.property(bytes, (body) => ['ok', 'bad_json'].includes(typeOf(() => parseJson(body, MAX_JSON_DEPTH)))),
      RUNS,
    );
  });
});

/** Of all arrays and objects. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, member) => sum + 1 + membersOf(member), 0);
}

describe('the members of JSON', () => {
  it('are never more than those counted, and not less than half of them, for any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const { memberCount } = jsonShape(text);
        const members = membersOf(JSON.parse(text));
        assert(memberCount >= members, `${memberCount} < ${members}`);
        assert(memberCount <= 2 * members + 1, `${memberCount} > 2 * ${members} + 1`);
      }),
      RUNS,
    );
  });

  it('are refused beyond the limit before they are parsed, however they are nested', () => {
    const list = (count: number, member: string) => Buffer.from(`[${Array(count).fill(member).join()}]`);
    expect(parseJson(list(MAX_JSON_MEMBERS, '0'), MAX_JSON_DEPTH)).toHaveLength(MAX_JSON_MEMBERS);
    for (const body of [list(MAX_JSON_MEMBERS + 1, '0'), list(MAX_JSON_MEMBERS / 2 + 1, '[0]'), list(4_000_000, '1')])
      expect(typeOf(() => parseJson(body, MAX_JSON_DEPTH))).toBe('bad_json');
    const text = JSON.stringify({ a: ',[{'.repeat(MAX_JSON_MEMBERS) });
    expect(typeOf(() => parseJson(Buffer.from(text), MAX_JSON_DEPTH))).toBe('ok');
  });
});
