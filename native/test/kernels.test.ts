import { beforeAll, describe, expect, it } from '@jest/globals';
import { blake3 as noble } from '@noble/hashes/blake3.js';
import { blake3 as wasm } from 'hash-wasm';
import { loadNetIo } from '../index.ts';
import { implementations, loadBinding, pattern, publishedVectors, SEAM_LENGTHS } from './support.ts';

const CONTEXT = 'net_io test 2026-11-22 key derivation';
const KEY = pattern(32);
const OUTPUT_BYTES = 131;
/** Unaligned starts: every kind of misalignment a 64-byte vector can have. */
const STARTS = [0, 1, 7, 16, 33, 63];

interface Expected {
  readonly hash: string;
  readonly keyed: string;
  readonly derived: string;
}

/** What two implementations that are not ours, and know nothing of each other, say. */
const expectedByLength = new Map<number, Expected>();
const longest = pattern(Math.max(...SEAM_LENGTHS));

beforeAll(async () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  for (const length of SEAM_LENGTHS) {
    const input = longest.subarray(0, length);
    const expected: Expected = {
      hash: hex(noble(input, { dkLen: OUTPUT_BYTES })),
      keyed: hex(noble(input, { key: KEY, dkLen: OUTPUT_BYTES })),
      derived: hex(noble(input, { context: Buffer.from(CONTEXT), dkLen: OUTPUT_BYTES })),
    };
    expect(await wasm(input, OUTPUT_BYTES * 8)).toBe(expected.hash);
    expect(await wasm(input, OUTPUT_BYTES * 8, KEY)).toBe(expected.keyed);
    expectedByLength.set(length, expected);
  }
});

describe.each(implementations())('%s', (_, netIo) => {
  const starts = netIo.kernels().implementation === 'native' ? STARTS : [0, 1];

  describe.each(netIo.kernels().available.map((name) => [name]))('kernel %s', (kernel) => {
    it('hashes as two independent implementations do at every seam and alignment', () => {
      netIo.useKernel(kernel);
      for (const [length, expected] of expectedByLength) {
        for (const start of starts) {
          const input = pattern(length, start);
          const found = netIo.hash(input, OUTPUT_BYTES).toString('hex');
          if (found !== expected.hash) throw new Error(`${length} bytes at alignment ${start}: ${found}`);
        }
      }
    });

    it('keyed hashing and key derivation have the official semantics at every seam', () => {
      netIo.useKernel(kernel);
      for (const [length, expected] of expectedByLength) {
        const input = longest.subarray(0, length);
        expect(netIo.keyedHash(KEY, input, OUTPUT_BYTES).toString('hex')).toBe(expected.keyed);
        expect(netIo.deriveKey(CONTEXT, input, OUTPUT_BYTES).toString('hex')).toBe(expected.derived);
      }
    });

    it('hashes incrementally in all three modes, and a digest in between changes nothing', () => {
      netIo.useKernel(kernel);
      for (const [length, expected] of expectedByLength) {
        const input = longest.subarray(0, length);
        const cut = length >> 1;
        const modes = [{}, { key: KEY }, { context: CONTEXT }].map((options) => netIo.createHasher(options));
        for (const hasher of modes) {
          hasher.update(input.subarray(0, cut)).digest();
          hasher.update(input.subarray(cut));
        }
        expect(modes.map((hasher) => hasher.digest(OUTPUT_BYTES).toString('hex'))).toEqual([
          expected.hash,
          expected.keyed,
          expected.derived,
        ]);
      }
    });

    it('hashes on the pool as on the calling thread, and the only chunk of a file to its root', async () => {
      netIo.useKernel(kernel);
      for (const [length, expected] of expectedByLength) {
        if (length % 1024 > 1) continue;
        const input = longest.subarray(0, length);
        const digest = expected.hash.slice(0, 64);
        expect((await netIo.hashAsync(input)).toString('hex')).toBe(digest);
        expect((await netIo.rootOfOnlyChunk([input])).toString('hex')).toBe(digest);
      }
    });

    it('agrees with the published vectors where they are at hand', () => {
      netIo.useKernel(kernel);
      const vectors = publishedVectors();
      for (const vector of vectors?.cases ?? []) {
        const input = pattern(vector.input_len);
        expect(netIo.hash(input, OUTPUT_BYTES).toString('hex')).toBe(vector.hash);
        expect(netIo.keyedHash(Buffer.from(vectors?.key ?? ''), input, OUTPUT_BYTES).toString('hex')).toBe(
          vector.keyed_hash,
        );
        expect(netIo.deriveKey(vectors?.context_string ?? '', input, OUTPUT_BYTES).toString('hex')).toBe(
          vector.derive_key,
        );
      }
      // Without them, the one value everybody knows: the digest of nothing.
      expect(netIo.hash(Buffer.alloc(0)).toString('hex')).toBe(
        'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
      );
    });
  });
});

describe('the choice of a kernel', () => {
  const binding = loadBinding();
  /** Bits of src/cpu_features.h. */
  const needs: Record<string, number> = { portable: 0, sse41: 1, avx2: 2, avx512: 4 | 2, neon: 8 };

  it('falls on the fastest that a set of CPU features allows, for every such set', () => {
    const known = ['portable', 'sse41', 'avx2', 'avx512', 'neon'].filter((name) =>
      process.arch === 'arm64' ? name === 'portable' || name === 'neon' : name !== 'neon',
    );
    for (let bits = 0; bits < 16; bits++) {
      const wanted = known.findLast((name) => ((needs[name] as number) & bits) === needs[name]);
      expect(binding.kernelForFeatures(bits)).toBe(wanted);
    }
  });

  it('computes the same whichever features this machine is said to have', () => {
    const machine = binding.machineFeatures();
    const netIo = loadNetIo({ useNative: true });
    for (let bits = 0; bits < 16; bits++) {
      if ((bits & machine) !== bits) continue;
      binding.useKernel(binding.kernelForFeatures(bits));
      for (const [length, expected] of expectedByLength) {
        expect(netIo.hash(longest.subarray(0, length), OUTPUT_BYTES).toString('hex')).toBe(expected.hash);
      }
    }
  });

  it('is reported, and refuses a kernel that is not there', () => {
    const netIo = loadNetIo({ useNative: true });
    for (const kernel of netIo.kernels().available) {
      netIo.useKernel(kernel);
      expect(netIo.kernels().active).toBe(kernel);
    }
    expect(() => netIo.useKernel('typescript')).toThrow(/is not a kernel/);
    expect(() => loadNetIo({ useNative: false }).useKernel('avx2')).toThrow(/not available here/);
  });
});
