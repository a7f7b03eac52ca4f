import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fuzz } from '../../test/support/fuzz.ts';
import { MAX_CHUNKS_PER_FILE } from '../contracts/limits.ts';
import { ChunkMap } from './chunk-map.ts';

const value = (byte: number) => new Uint8Array(32).fill(byte);

describe('ChunkMap', () => {
  it('takes a value that begins with zeros for a value', () => {
    const map = new ChunkMap();
    const nearlyZero = new Uint8Array(32);
    nearlyZero[31] = 1;
    map.set(5, nearlyZero);
    expect(map.has(5)).toBe(true);
    expect(map.count).toBe(1);
  });

  it('has nothing at indexes that cannot be', () => {
    const map = new ChunkMap();
    map.set(0, value(1));
    for (const index of [-1, -0.5, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9]) {
      expect(map.has(index)).toBe(false);
      expect(map.get(index)).toBeNull();
    }
  });

  it('never grows beyond the longest file, however it began', () => {
    const map = new ChunkMap(new Uint8Array(40_001 * 32));
    map.set(40_001, value(1));
    expect(map.all().length).toBe(MAX_CHUNKS_PER_FILE * 32);
  });

  it('gives copies, so that nobody can change what is committed', () => {
    const map = new ChunkMap();
    const given = value(1);
    map.set(0, given);
    given.fill(9);
    map.get(0)?.fill(9);
    map.firstValues(1).fill(9);
    expect(map.get(0)).toEqual(value(1));
  });

  it('counts and lists what was stored before', () => {
    const stored = new Uint8Array(32 * 5);
    stored.fill(1, 0, 64);
    stored.fill(2, 4 * 32, 5 * 32);
    const map = new ChunkMap(stored);
    expect(map.count).toBe(3);
    expect(map.ranges()).toEqual([
      [0, 2],
      [4, 5],
    ]);
  });

  it('takes any whole values for what was stored before', async () => {
    const piece = fc.oneof(fc.constant(new Uint8Array(32)), fc.uint8Array({ minLength: 32, maxLength: 32 }));
    await fuzz(
      'stored values',
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const map = new ChunkMap(Uint8Array.from(Buffer.concat(pieces)));
        const present = pieces.flatMap((bytes, index) => (bytes.some((byte) => byte !== 0) ? [index] : []));
        assert.equal(map.count, present.length);
        const listed = map
          .ranges()
          .flatMap(([first, end]) => Array.from({ length: end - first }, (_, at) => first + at));
        assert.deepEqual(listed, present);
        assert.equal(map.has(pieces.length), false);
        map.set(pieces.length, value(7));
        assert.equal(map.count, present.length + 1);
        assert.deepEqual(map.get(pieces.length), value(7));
      }),
    );
  });

  it('is a map from indexes to values, whatever is set and dropped', async () => {
    const step = fc.oneof(
      fc.record({ index: fc.nat({ max: 70 }), byte: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ index: fc.nat({ max: 70 }), byte: fc.constant(null) }),
    );
    await fuzz(
      'ChunkMap',
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = new ChunkMap();
        const model = new Map<number, number>();
        for (const { index, byte } of steps) {
          if (byte === null) {
            map.drop(index);
            model.delete(index);
          } else {
            map.set(index, value(byte));
            model.set(index, byte);
          }
        }
        assert.equal(map.count, model.size);
        const listed = map
          .ranges()
          .flatMap(([start, end]) => Array.from({ length: end - start }, (_, at) => start + at));
        assert.deepEqual(
          listed,
          [...model.keys()].sort((a, b) => a - b),
        );
        for (let index = 0; index <= 71; index += 1) {
          const wanted = model.get(index);
          assert.equal(map.has(index), wanted !== undefined);
          assert.deepEqual(map.get(index), wanted === undefined ? null : value(wanted));
        }
        const first = map.firstValues(72);
        for (let index = 0; index < 72; index += 1) assert.equal(first[index * 32], model.get(index) ?? 0);
      }),
    );
  });
});
