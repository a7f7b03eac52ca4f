import assert from 'node:assert/strict';
import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../../test/support/fuzz.ts';
import { MAX_CHUNK_BYTES, MAX_CHUNKS_PER_FILE } from '../../contracts/limits.ts';
import { chunkCount } from '../manifest.ts';
import { toldIn, toldParameter } from './told-file.ts';

describe('what a node tells another of a sealed file', () => {
  const told = fc.record({
    fileId: fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{8,64}$/),
    sizeBytes: fc.nat({ max: 2 ** 40 }),
    chunkSizeBytes: fc.integer({ min: 14, max: 24 }).map((power) => 2 ** power),
    digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    expiresAtMs: fc.nat({ max: 8e14 }),
  });

  it('arrives as it was told, and anything else is a file that can be or nothing', async () => {
    const word = fc.oneof(
      anyText(),
      told.map((file) => toldParameter(file).sealed ?? ''),
    );
    await fuzz(
      'told files',
      fc.property(told, word, fc.nat(), anyText(3), (file, base, at, put) => {
        if (chunkCount(file.sizeBytes, file.chunkSizeBytes) <= MAX_CHUNKS_PER_FILE) {
          assert.deepEqual(toldIn(new URLSearchParams(toldParameter(file))), { ...file });
        }
        const cut = at % (base.length + 1);
        const any = toldIn(new URLSearchParams({ sealed: base.slice(0, cut) + put + base.slice(cut + 1) }));
        if (any === null) return;
        assert(any.chunkSizeBytes > 0 && any.chunkSizeBytes <= MAX_CHUNK_BYTES && any.digest.length === 32);
        assert(chunkCount(any.sizeBytes, any.chunkSizeBytes) <= MAX_CHUNKS_PER_FILE);
        assert(Number.isSafeInteger(any.sizeBytes) && Number.isSafeInteger(any.expiresAtMs));
      }),
    );
  });
});
