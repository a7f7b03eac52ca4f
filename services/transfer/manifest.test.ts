import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fuzz } from '../../test/support/fuzz.ts';
import { GIB, KIB, MAX_CHUNK_BYTES, MAX_CHUNKS_PER_FILE, MAX_FILE_BYTES, MIB } from '../contracts/limits.ts';
import { bytesOfRanges, chooseChunkSize, chunkCount, chunkLength, leafCounter, planRun } from './manifest.ts';

const anySize = fc.oneof(
  fc.integer({ min: 0, max: 100_000 }),
  fc.maxSafeNat().map((size) => size % (MAX_FILE_BYTES + 1)),
  fc.constantFrom(0, 1, MIB - 1, MIB, MIB + 1, 64 * GIB, 64 * GIB + 1, MAX_FILE_BYTES - 1, MAX_FILE_BYTES),
);

describe('chooseChunkSize', () => {
  it.each([
    [0, undefined, MIB],
    [1, undefined, MIB],
    [64 * GIB, undefined, MIB],
    [64 * GIB + 1, undefined, 2 * MIB],
    [MAX_FILE_BYTES, undefined, 16 * MIB],
    [1000, 1, 16 * KIB],
    [1000, 65_536, 64 * KIB],
    [1000, 65_535, 32 * KIB],
    [1000, 1e12, 16 * MIB],
    [2 * GIB, 16 * KIB, 32 * KIB],
    [null, 16 * KIB, MIB],
  ])('of %p bytes with the wish %p is %p', (sizeBytes, wish, wanted) => {
    expect(chooseChunkSize(sizeBytes, wish, 16 * KIB)).toBe(wanted);
  });

  it('does not go below what the operator allows', () => {
    expect(chooseChunkSize(1000, 16 * KIB, 256 * KIB)).toBe(256 * KIB);
  });

  it('is a power of two in bounds with at most 65,536 chunks, whatever is wished', async () => {
    await fuzz(
      'chooseChunkSize',
      fc.property(anySize, fc.option(fc.integer({ min: 1, max: 2 ** 40 }), { nil: undefined }), (size, wish) => {
        const chunkSize = chooseChunkSize(size, wish, 16 * KIB);
        assert(Number.isInteger(Math.log2(chunkSize)));
        assert(chunkSize >= 16 * KIB && chunkSize <= MAX_CHUNK_BYTES);
        assert(chunkCount(size, chunkSize) <= MAX_CHUNKS_PER_FILE);
        const count = chunkCount(size, chunkSize);
        let total = 0;
        if (count > 0) total = (count - 1) * chunkSize + chunkLength(count - 1, size, chunkSize);
        assert.equal(total, size);
        assert(leafCounter(count, chunkSize) <= Number.MAX_SAFE_INTEGER);
      }),
    );
  });
});

describe('bytesOfRanges', () => {
  it('counts the last chunk as long as it is', () => {
    expect(
      bytesOfRanges(
        [
          [0, 1],
          [2, 3],
        ],
        40_000,
        16_384,
      ),
    ).toBe(16_384 + (40_000 - 32_768));
    expect(bytesOfRanges([[0, 2]], null, 16_384)).toBe(32_768);
    expect(bytesOfRanges([], 40_000, 16_384)).toBe(0);
  });
});

describe('planRun', () => {
  const file = { sizeBytes: 40_000, chunkSizeBytes: 16_384 };

  it.each([
    [0, 40_000, 0],
    [0, 16_384, 0],
    [16_384, 16_384, 1],
    [16_384, 40_000 - 16_384, 1],
    [32_768, 40_000 - 32_768, 2],
    [16_384, null, 1],
  ])('takes a body at %p of %p bytes', (offset, length, firstChunk) => {
    expect(planRun(file, offset, length)).toEqual({ isValid: true, firstChunk });
  });

  it.each([
    [-16_384, 16_384, 'bad_offset'],
    [1, 16_384, 'bad_offset'],
    [0.5, 16_384, 'bad_offset'],
    [Number.NaN, 16_384, 'bad_offset'],
    [Number.POSITIVE_INFINITY, 16_384, 'bad_offset'],
    [2 ** 53, 16_384, 'bad_offset'],
    [49_152, 16_384, 'bad_offset'],
    [40_000, null, 'bad_offset'],
    [0, 0, 'bad_run'],
    [0, 1, 'bad_run'],
    [0, 16_385, 'bad_run'],
    [0, 39_999, 'bad_run'],
    [0, 40_001, 'bad_run'],
    [32_768, 16_384, 'bad_run'],
  ])('refuses a body at %p of %p bytes as %s', (offset, length, fault) => {
    expect(planRun(file, offset, length)).toMatchObject({ isValid: false, fault });
  });

  it('takes a body of unknown length from the start only', () => {
    const unknown = { sizeBytes: null, chunkSizeBytes: MIB };
    expect(planRun(unknown, 0, null)).toEqual({ isValid: true, firstChunk: 0 });
    expect(planRun(unknown, MIB, null)).toMatchObject({ isValid: false, fault: 'bad_offset' });
  });

  it('takes nothing for an empty file, and nothing but that', () => {
    const empty = { sizeBytes: 0, chunkSizeBytes: MIB };
    expect(planRun(empty, 0, 0)).toEqual({ isValid: true, firstChunk: 0 });
    expect(planRun(empty, 0, 1)).toMatchObject({ isValid: false });
    expect(planRun(empty, 0, null)).toMatchObject({ isValid: false });
    expect(planRun(empty, MIB, 0)).toMatchObject({ isValid: false });
  });

  it('takes exactly the bodies that are whole chunks inside the file', async () => {
    const chunkSize = fc.constantFrom(16_384, 65_536, MIB);
    const number = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.double(),
      fc.integer({ min: 0, max: 40 }).map((chunks) => chunks * 16_384),
      fc.maxSafeInteger(),
    );
    const cases = fc.tuple(chunkSize, fc.integer({ min: 1, max: 5 * MIB }), number, fc.option(number));
    await fuzz(
      'planRun',
      fc.property(cases, ([chunkSizeBytes, sizeBytes, offset, length]) => {
        const plan = planRun({ sizeBytes, chunkSizeBytes }, offset, length);
        const lengthBytes = length ?? sizeBytes - offset;
        const end = offset + lengthBytes;
        const isRun =
          Number.isSafeInteger(offset) &&
          offset >= 0 &&
          offset % chunkSizeBytes === 0 &&
          lengthBytes > 0 &&
          (end === sizeBytes || (end < sizeBytes && lengthBytes % chunkSizeBytes === 0));
        assert.equal(plan.isValid, isRun, `${JSON.stringify(plan)}`);
        if (plan.isValid) assert.equal(plan.firstChunk * chunkSizeBytes, offset);
      }),
    );
  });
});
