import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { OpenTransferRequest } from '../contracts/http.ts';
import {
  GIB,
  KIB,
  MAX_DISPLAY_NAME_CHARS,
  MAX_DOWNLOADS_LIMIT,
  MAX_EXPIRES_SECONDS,
  MAX_FILE_BYTES,
  MAX_FILES_PER_TRANSFER,
  MAX_IDEMPOTENCY_KEY_CHARS,
  MAX_PASSWORD_BYTES,
  MIB,
} from '../contracts/limits.ts';
import { EMPTY_DIGEST } from './digest-tree.ts';
import { checkPath } from './names.ts';
import { idempotencyKeyOf, type OpenLimits, planTransfer } from './open-transfer.ts';

const limits: OpenLimits = { maxFileBytes: GIB, smallestChunkBytes: 16 * KIB, defaultTtlSeconds: 86_400 };

/** Anything that came over a wire. */
function plan(request: unknown, over: Partial<OpenLimits> = {}) {
  return planTransfer(request as OpenTransferRequest, { ...limits, ...over });
}

function refusalOf(request: unknown): string {
  try {
    plan(request);
  } catch (fault) {
    if (fault instanceof PeerLinkError) return fault.type;
    throw fault;
  }
  return 'taken';
}

const file = (over: object = {}) => ({ path: 'a.txt', sizeBytes: 10, ...over });
const one = (over: object) => ({ files: [file(over)] });

describe('planTransfer', () => {
  it('chooses ids, a chunk size and the defaults', () => {
    const made = plan({
      files: [file({ mediaType: 'Text/Plain', lastModifiedMs: 5 }), file({ path: 'b', sizeBytes: null })],
    });
    expect(made).toMatchObject({
      expiresInSeconds: 86_400,
      maxDownloads: null,
      password: null,
      senderName: null,
      files: [
        {
          index: 0,
          path: 'a.txt',
          sizeBytes: 10,
          chunkSizeBytes: MIB,
          digest: null,
          mediaType: 'text/plain',
          lastModifiedMs: 5,
        },
        { index: 1, path: 'b', sizeBytes: null, chunkSizeBytes: MIB, digest: null },
      ],
    });
    const ids = [made.id, made.shareId, ...made.files.map((each) => each.id)];
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(/^[1-9A-HJ-NP-Za-km-z]{22}$/);
  });

  it('seals an empty file at once', () => {
    expect(plan(one({ sizeBytes: 0 })).files[0]?.digest).toEqual(EMPTY_DIGEST);
    expect(plan(one({ sizeBytes: 0, digest: Buffer.from(EMPTY_DIGEST).toString('hex') })).files[0]?.digest).toEqual(
      EMPTY_DIGEST,
    );
    expect(refusalOf(one({ sizeBytes: 0, digest: '00'.repeat(32) }))).toBe('digest_mismatch');
  });

  it.each([
    ['negative', -1, 'bad_size'],
    ['fractional', 0.5, 'bad_size'],
    ['NaN', Number.NaN, 'bad_size'],
    ['infinite', Number.POSITIVE_INFINITY, 'bad_size'],
    ['over 2^53', 2 ** 53, 'bad_size'],
    ['far over 2^53', 1e300, 'bad_size'],
    ['missing', undefined, 'bad_size'],
    ['a text', '10', 'bad_size'],
    ['a list', [10], 'bad_size'],
    ['true', true, 'bad_size'],
    ['at the limit', GIB, 'taken'],
    ['one over the limit', GIB + 1, 'too_large'],
    ['far over the limit', Number.MAX_SAFE_INTEGER, 'too_large'],
    ['nothing', 0, 'taken'],
    ['unknown', null, 'taken'],
  ])('a size that is %s', (_what, sizeBytes, wanted) => {
    expect(refusalOf(one({ sizeBytes }))).toBe(wanted);
  });

  it('names the limit and the size in a refusal', () => {
    expect(() => plan(one({ sizeBytes: GIB + 1 }))).toThrow(
      expect.objectContaining({ data: { limitBytes: GIB, sizeBytes: GIB + 1 } }),
    );
  });

  it('has a limit of its own without one of the operator', () => {
    expect(plan(one({ sizeBytes: MAX_FILE_BYTES }), { maxFileBytes: null }).files[0]?.chunkSizeBytes).toBe(16 * MIB);
    expect(() => plan(one({ sizeBytes: MAX_FILE_BYTES + 1 }), { maxFileBytes: null })).toThrow(
      expect.objectContaining({ type: 'too_large' }),
    );
  });

  it.each([
    [{}, 'bad_request'],
    [{ files: [] }, 'bad_request'],
    [{ files: {} }, 'bad_request'],
    [{ files: [null] }, 'bad_request'],
    [{ files: ['a'] }, 'bad_request'],
    [{ files: [[]] }, 'bad_request'],
    [null, 'bad_request'],
    ['x', 'bad_request'],
    [[], 'bad_request'],
    [one({ path: 7 }), 'bad_name'],
    [one({ path: undefined }), 'bad_name'],
    [one({ path: '../x' }), 'bad_name'],
    [one({ path: { length: 1 } }), 'bad_name'],
    [one({ digest: 'zz' }), 'bad_request'],
    [one({ digest: 12 }), 'bad_request'],
    [one({ digest: `${'0'.repeat(64)}\n` }), 'bad_request'],
    [{ ...one({}), kind: 'gift' }, 'bad_request'],
    [{ ...one({}), kind: 5 }, 'bad_request'],
    [{ ...one({}), chunkSizeBytes: 0 }, 'bad_size'],
    [{ ...one({}), chunkSizeBytes: '16384' }, 'bad_size'],
    [{ ...one({}), expiresInSeconds: 0 }, 'bad_request'],
    [{ ...one({}), expiresInSeconds: MAX_EXPIRES_SECONDS }, 'taken'],
    [{ ...one({}), expiresInSeconds: MAX_EXPIRES_SECONDS + 1 }, 'bad_request'],
    [{ ...one({}), expiresInSeconds: 1.5 }, 'bad_request'],
    [{ ...one({}), maxDownloads: 0 }, 'bad_request'],
    [{ ...one({}), maxDownloads: -1 }, 'bad_request'],
    [{ ...one({}), maxDownloads: MAX_DOWNLOADS_LIMIT }, 'taken'],
    [{ ...one({}), maxDownloads: MAX_DOWNLOADS_LIMIT + 1 }, 'bad_request'],
    [{ ...one({}), maxDownloads: null }, 'taken'],
    [{ ...one({}), password: 5 }, 'bad_request'],
    [{ ...one({}), password: 'p'.repeat(MAX_PASSWORD_BYTES) }, 'taken'],
    [{ ...one({}), password: 'é'.repeat(MAX_PASSWORD_BYTES) }, 'bad_request'],
    [{ ...one({}), senderName: 5 }, 'bad_name'],
    [{ ...one({}), senderName: '😀'.repeat(MAX_DISPLAY_NAME_CHARS) }, 'taken'],
    [{ ...one({}), senderName: 'n'.repeat(MAX_DISPLAY_NAME_CHARS + 1) }, 'bad_name'],
    [{ ...one({}), senderName: 'a\u202eb' }, 'bad_name'],
    [{ ...one({}), senderName: 'Anna / Ben \\ ..' }, 'taken'],
  ])('of %j: %s', (request, wanted) => {
    expect(refusalOf(request)).toBe(wanted);
  });

  it('takes as many files as the limit and refuses one more', () => {
    const files = Array.from({ length: MAX_FILES_PER_TRANSFER }, (_, index) => file({ path: `f${index}` }));
    expect(plan({ files }).files).toHaveLength(MAX_FILES_PER_TRANSFER);
    expect(refusalOf({ files: [...files, file()] })).toBe('too_large');
  });

  it('drops hints that are odd', () => {
    for (const mediaType of ['x', 'a/b/c', 'text/plain; charset=x', 'a/\n', 5, null]) {
      expect(plan(one({ mediaType })).files[0]?.mediaType).toBeNull();
    }
    for (const lastModifiedMs of [Number.NaN, 1.5, 1e16, '5', null]) {
      expect(plan(one({ lastModifiedMs })).files[0]?.lastModifiedMs).toBeNull();
    }
  });

  it('answers any JSON with a plan that may be stored or with a refusal of the closed list', async () => {
    const anything = fc.jsonValue({ maxDepth: 3 });
    const either = <T>(arbitrary: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 30, arbitrary }, { weight: 1, arbitrary: anything });
    const anyFile = fc.record(
      {
        path: either(fc.oneof(fc.constantFrom('a', 'a/b', 'A', 'é'), anyText(20), fc.constant('a'))),
        sizeBytes: either(
          fc.oneof(fc.nat(GIB), fc.nat(GIB), fc.nat(GIB), fc.maxSafeInteger(), fc.double(), fc.constant(null)),
        ),
        digest: either(fc.constantFrom('0'.repeat(64), 'Ab'.repeat(32), 'g'.repeat(64))),
        mediaType: either(fc.constantFrom('image/png', 'x')),
        lastModifiedMs: either(fc.maxSafeInteger()),
        __proto__: anything,
      },
      { requiredKeys: ['path', 'sizeBytes'] },
    );
    const request = fc.record(
      {
        files: either(fc.array(either(anyFile), { maxLength: 4 })),
        kind: either(fc.constant('share')),
        expiresInSeconds: either(fc.integer({ min: -5, max: 31_000_000 })),
        maxDownloads: either(fc.integer({ min: -5, max: 1_000_000 })),
        password: either(anyText()),
        chunkSizeBytes: either(fc.oneof(fc.nat(), fc.nat(), fc.double())),
        senderName: either(fc.string({ maxLength: 70 })),
        constructor: anything,
      },
      { requiredKeys: ['files'] },
    );
    let takenCount = 0;
    await fuzz(
      'planTransfer',
      fc.property(either(request), (given) => {
        let made: ReturnType<typeof plan>;
        try {
          made = plan(given);
        } catch (fault) {
          assert(fault instanceof PeerLinkError, String(fault));
          assert(fault.status >= 400 && fault.status < 500, fault.type);
          return;
        }
        takenCount += 1;
        assert(made.files.length > 0);
        for (const [index, each] of made.files.entries()) {
          assert.equal(each.index, index);
          assert(checkPath(each.path).isValid);
          assert(
            each.sizeBytes === null ||
              (Number.isSafeInteger(each.sizeBytes) && each.sizeBytes >= 0 && each.sizeBytes <= GIB),
          );
          assert.equal(each.digest !== null, each.sizeBytes === 0);
          assert(Number.isInteger(Math.log2(each.chunkSizeBytes)));
        }
        assert(made.expiresInSeconds >= 1 && made.expiresInSeconds <= MAX_EXPIRES_SECONDS);
        assert(made.maxDownloads === null || made.maxDownloads >= 1);
        assert(made.password === null || typeof made.password === 'string');
      }),
    );
    expect(takenCount).toBeGreaterThan(100);
  });
});

describe('idempotencyKeyOf', () => {
  it.each([
    [undefined, null],
    ['a-key', 'a-key'],
    ['k'.repeat(MAX_IDEMPOTENCY_KEY_CHARS), 'k'.repeat(MAX_IDEMPOTENCY_KEY_CHARS)],
  ])('of %p is %p', (key, wanted) => {
    expect(idempotencyKeyOf(key)).toBe(wanted);
  });

  it.each(['', ' ', 'a b', 'é', 'a\n', 'k'.repeat(MAX_IDEMPOTENCY_KEY_CHARS + 1), 5])('refuses %p', (key) => {
    expect(() => idempotencyKeyOf(key as string)).toThrow(expect.objectContaining({ type: 'bad_request' }));
  });
});
