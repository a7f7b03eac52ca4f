import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerLinkError } from '../contracts/errors.ts';
import { asId, parseAs } from './schemas.ts';

type Shape = Parameters<typeof parseAs>[0];
/** All there are: one that is missing is a fault of types. */
const SHAPES = Object.keys({
  openTransfer: 0,
  changeTransfer: 0,
  grant: 0,
  operatorSignIn: 0,
  createSession: 0,
  changeSession: 0,
  openTransferEvent: 0,
  statusEvent: 0,
  watch: 0,
  unwatch: 0,
  ping: 0,
  joinRoom: 0,
  leaveRoom: 0,
  sendText: 0,
  receipts: 0,
  inboxRead: 0,
  inboxSeen: 0,
  chunkHead: 0,
} satisfies Record<Shape, 0>) as Shape[];

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

  it.each([{ transferId: 'abc' }, { uploadToken: 'u' }, {}, 'abc', null])(
    'says what a watch must have to who sends %j',
    (request) => {
      expect(() => parseAs('watch', request)).toThrow(/must have transferId and uploadToken, or shareId/);
    },
  );

  it('takes a chunk value in any case, as X-Chunk-Value does, and says what an index must be', () => {
    const head = { transferId: 'abc', uploadToken: 'u', fileIndex: 0, chunkIndex: 0 };
    const chunkValue = 'AB'.repeat(32);
    expect(parseAs('chunkHead', { ...head, chunkValue })).toEqual({ ...head, chunkValue });
    expect(() => parseAs('chunkHead', { ...head, chunkValue: 'zz' })).toThrow(/^chunkValue: must be 64 hex digits/);
    for (const index of [-1, 0.5, 2 ** 53, 1e20]) {
      expect(() => parseAs('chunkHead', { ...head, chunkIndex: index })).toThrow(
        /^chunkIndex: must be a whole number, 0 or more/,
      );
    }
  });

  it('refuses unknown keys, __proto__ too', () => {
    expect(() => parseAs('grant', { password: 'p', extra: 1 })).toThrow(PeerLinkError);
    expect(() => parseAs('grant', JSON.parse('{"password":"p","__proto__":{"x":1}}'))).toThrow(PeerLinkError);
    expect(() => parseAs('ping', { a: 1 })).toThrow(PeerLinkError);
  });

  it('refuses as many wrong members as a body may have without a look at each', () => {
    const zeros = (count: number) => Array.from({ length: count }, () => 0);
    const unknown = Object.fromEntries(zeros(100_000).map((_, index) => [`x${index}`, 0]));
    const byFile = Object.fromEntries(zeros(9_000).map((_, index) => [index, zeros(10)]));
    const wrong = [
      ['openTransfer', { files: zeros(100_000) }],
      ['openTransfer', { files: zeros(10_000) }],
      ['openTransfer', { files: zeros(10_000).map(() => ({ path: 1, sizeBytes: 'x', digest: 2 })) }],
      ['openTransfer', { files: [unknown] }],
      ['openTransfer', { kind: 'direct', files: [], to: zeros(100_000) }],
      ['openTransferEvent', unknown],
      ['sendText', { text: 'x', to: zeros(1_000) }],
      ['receipts', { received: unknown }],
      ['receipts', { received: { 0: zeros(100_000) } }],
      ['receipts', { received: byFile }],
      ['watch', unknown],
    ] as const;
    for (const [shape, value] of wrong) {
      const startedMs = performance.now();
      expect(() => parseAs(shape, value)).toThrow(expect.objectContaining({ type: 'bad_request' }));
      // Zod's own list of so many issues takes more than a second.
      expect([shape, performance.now() - startedMs < 500]).toEqual([shape, true]);
    }
  });

  it('takes as many files and ranges as there may be, and names the one that is wrong', () => {
    const files = Array.from({ length: 10_000 }, (_, index) => ({ path: `f${index}`, sizeBytes: index }));
    expect(parseAs('openTransfer', { files })).toEqual({ files });
    const received = { 0: Array.from({ length: 1_000 }, (_, at) => [at, at + 1]), 9999: [] };
    expect(parseAs('receipts', { received })).toEqual({ received });
    expect(() => parseAs('openTransfer', { files: [...files, files[0]] })).toThrow(/^files: .*10000.*10001/);
    expect(() => parseAs('receipts', { received: { 7: [[0, 1], [2]] } })).toThrow(/^received\.7\.1/);
    expect(() => parseAs('receipts', { received: { '07': [] } })).toThrow(/^received: /);
    expect(() => parseAs('receipts', { received: [] })).toThrow(/^received: /);
  });

  it('gives the shape or bad_request for anything at all', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SHAPES),
        fc.oneof(
          fc.jsonValue(),
          fc.anything(),
          fc.record({ files: fc.jsonValue(), transferId: fc.jsonValue(), uploadToken: fc.string() }),
          fc.record({ received: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())) }),
          fc.record({ to: fc.jsonValue(), text: fc.jsonValue() }),
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
