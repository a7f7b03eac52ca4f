import { describe, expect, it } from '@jest/globals';
import { blake3 as noble } from '@noble/hashes/blake3.js';
import { blake3 as wasm } from 'hash-wasm';
import { loadNetIo } from '../index.ts';

function input(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = i % 251;
  return bytes;
}

const SEAMS = [
  0,
  1,
  63,
  64,
  65,
  1023,
  1024,
  1025,
  2048,
  2049,
  4097,
  16 * 1024,
  31 * 1024,
  32 * 1024,
  33 * 1024 + 1,
  102_400,
  256 * 1024,
  256 * 1024 + 1,
  512 * 1024,
  1_000_000,
];

for (const useNative of [true, false]) {
  const netIo = loadNetIo({ useNative });
  describe(`net_io ${netIo.kernels().implementation}`, () => {
    it('is what was asked for', () => {
      expect(netIo.kernels().implementation).toBe(useNative ? 'native' : 'fallback');
    });
    for (const kernel of netIo.kernels().available) {
      it.each(SEAMS)(`hashes %i bytes as two independent implementations do, on ${kernel}`, async (size) => {
        netIo.useKernel(kernel);
        const bytes = input(size);
        const expected = Buffer.from(noble(bytes)).toString('hex');
        expect(await wasm(bytes)).toBe(expected);
        expect(netIo.hash(bytes).toString('hex')).toBe(expected);
        expect(
          netIo
            .createHasher()
            .update(bytes.subarray(0, size >> 1))
            .update(bytes.subarray(size >> 1))
            .digest()
            .toString('hex'),
        ).toBe(expected);
        expect((await netIo.hashAsync(bytes)).toString('hex')).toBe(expected);
        expect((await netIo.rootOfOnlyChunk([bytes])).toString('hex')).toBe(expected);
        expect(netIo.keyedHash(bytes.subarray(0, 0).length ? bytes : input(32), bytes, 131).toString('hex')).toBe(
          Buffer.from(noble(bytes, { key: input(32), dkLen: 131 })).toString('hex'),
        );
        expect(netIo.deriveKey('ctx', bytes, 64).toString('hex')).toBe(
          Buffer.from(noble(bytes, { context: Buffer.from('ctx'), dkLen: 64 })).toString('hex'),
        );
      });
      it(`merges chunk values to the root on ${kernel}`, async () => {
        netIo.useKernel(kernel);
        const bytes = input(1_000_000);
        const values: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += 65536) {
          const chunk = bytes.subarray(at, at + 65536);
          values.push(
            await netIo.chunkValue(
              [chunk.subarray(0, 1000), chunk.subarray(1000, 1001), chunk.subarray(1001)],
              at / 1024,
            ),
          );
        }
        expect(await netIo.rootOfChunkValues(Buffer.concat(values))).toEqual(netIo.hash(bytes));
      });
      it(`obfuscates and back on ${kernel}`, () => {
        netIo.useKernel(kernel);
        for (const keyBytes of [1, 3, 32, 255, 256, 257, 4095, 4096]) {
          const key = input(keyBytes + 7).subarray(7);
          for (const size of [0, 1, 63, 64, 65, 255, 256, 257, 1000, 10_001]) {
            const source = input(size + 3).subarray(3);
            const want = Buffer.from(source.map((x, i) => x ^ (key[(i + 77_777) % keyBytes] as number)));
            const target = Buffer.alloc(size + 5);
            netIo.xorCopy(source, target.subarray(1), key, 77_777);
            expect(target.subarray(1, size + 1).equals(want)).toBe(true);
            const inPlace = Buffer.from(source);
            netIo.xorInPlace(inPlace, key, 77_777);
            expect(inPlace.equals(want)).toBe(true);
          }
        }
      });
    }
  });
}
