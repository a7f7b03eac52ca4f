import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerLinkError } from '../contracts/errors.ts';
import { asId, parseAs } from './schemas.ts';

const SHAPES = [
  'openTransfer',
  'changeTransfer',
  'grant',
  'createSession',
  'changeSession',
  'openTransferEvent',
  'statusEvent',
  'watch',
  'unwatch',
  'ping',
  'chunkHead',
] as const;

describe('parseAs', () => {
  it('takes what the contract says', () => {
    const request = {
      files: [
        { path: 'a/b.txt', sizeBytes: 3 },
        { path: 's', sizeBytes: null },
      ],
      maxDownloads: null,
      password: 'p',
    };
    expect(parseAs('openTransfer', request)).toEqual(request);
    expect(parseAs('watch', { shareId: 'abc', grant: 'g' })).toEqual({ shareId: 'abc', grant: 'g' });
  });

  it('names the member that is wrong and never shows its value', () => {
    expect(() => parseAs('openTransfer', { files: [{ path: 'a', sizeBytes: 'hunter2' }] })).toThrow(
      /^files\.0\.sizeBytes: /,
    );
    try {
      parseAs('grant', { password: { hunter2: 1 } });
    } catch (fault) {
      expect(JSON.stringify(fault)).not.toContain('hunter2');
    }
  });

  it('refuses unknown keys, __proto__ too', () => {
    expect(() => parseAs('grant', { password: 'p', extra: 1 })).toThrow(PeerLinkError);
    expect(() => parseAs('grant', JSON.parse('{"password":"p","__proto__":{"x":1}}'))).toThrow(PeerLinkError);
    expect(() => parseAs('ping', { a: 1 })).toThrow(PeerLinkError);
  });

  it('gives the shape or bad_request for anything at all', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SHAPES),
        fc.oneof(
          fc.jsonValue(),
          fc.anything(),
          fc.record({ files: fc.jsonValue(), transferId: fc.jsonValue(), uploadToken: fc.string() }),
        ),
        (shape, value) => {
          try {
            parseAs(shape, value);
          } catch (fault) {
            assert(fault instanceof PeerLinkError);
            assert.equal(fault.type, 'bad_request');
          }
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

describe('asId', () => {
  it('takes ids of ours and finds nothing else', () => {
    expect(asId('1aF2f21ct7v8fjjcYe5oWK')).toBe('1aF2f21ct7v8fjjcYe5oWK');
    for (const text of ['', '..', '../x', '%00', 'a\0b', '0OIl0OIl', 'x'.repeat(65), undefined])
      expect(() => asId(text)).toThrow(/no such/);
  });
});
