import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadBinding, pattern } from './support.ts';

const CASES = 12_000;

/** Arrays of every kind and size class, some of them without memory any more. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.nat(70_000).map((size) => pattern(size, size % 64)),
  fc.nat(300).map((size) => {
    const gone = new Uint8Array(size);
    structuredClone(gone, { transfer: [gone.buffer] });
    return gone;
  }),
  fc.nat(5000).map((size) => new Uint8Array(new SharedArrayBuffer(size))),
  fc
    .nat(5000)
    .map(
      (size) =>
        new Uint8Array(
          new (ArrayBuffer as never as new (s: number, o: object) => ArrayBuffer)(size, { maxByteLength: 9000 }),
        ),
    ),
);
const notBytes = fc.oneof(fc.anything(), fc.float64Array({ maxLength: 9 }), fc.uint16Array({ maxLength: 9 }));
const number = fc.oneof(
  fc.nat(2000),
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 64, Number.NaN, Number.POSITIVE_INFINITY),
);
const list = fc.oneof(
  fc.array(bytes, { maxLength: 6 }),
  fc.array(fc.oneof(bytes, notBytes), { maxLength: 4 }),
  notBytes,
);
const argument = fc.oneof(
  { weight: 5, arbitrary: bytes },
  { weight: 3, arbitrary: number },
  { weight: 3, arbitrary: list },
  { weight: 1, arbitrary: notBytes },
);
// Descriptors that are open in this process belong to others: only ones that cannot be.
const closedDescriptor = fc
  .oneof(fc.integer({ min: 900_000, max: 2 ** 31 + 5 }), fc.double(), notBytes)
  .filter((fd) => !(Number.isInteger(fd) && (fd as number) < 900_000));

/** What each function wants, so that most calls get past the first check; junk takes any place at times. */
const wanted: Record<string, fc.Arbitrary<unknown>[]> = {
  hash: [bytes, bytes],
  keyedHash: [fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes, bytes],
  deriveKey: [bytes, bytes, bytes],
  chunkValueSync: [fc.array(bytes, { maxLength: 6 }), number, fc.uint8Array({ minLength: 32, maxLength: 32 })],
  hashAsync: [bytes],
  chunkValue: [fc.array(bytes, { maxLength: 6 }), number],
  rootOfOnlyChunk: [fc.array(bytes, { maxLength: 6 })],
  rootOfChunkValues: [fc.nat(70).map((count) => pattern(count * 32))],
  xorInPlace: [bytes, bytes, number],
  xorCopy: [bytes, bytes, bytes, number],
  kernelForFeatures: [number],
};
const call = fc
  .constantFrom(...Object.keys(wanted))
  .chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.tuple(
        ...(wanted[name] as fc.Arbitrary<unknown>[]).map((arbitrary) =>
          fc.oneof({ weight: 5, arbitrary }, { weight: 1, arbitrary: argument }),
        ),
      ),
    ),
  );

describe('the native shell', () => {
  const binding = loadBinding() as unknown as Record<string, (...args: unknown[]) => unknown>;
  const withFiles = [
    'readAndVerify',
    'readVerifyAndHide',
    'hashFileRange',
    'writeAndHash',
    'writeHashAndRecord',
    'lockFile',
  ];

  /** Anything but a crash is well, as long as what is refused is refused with an Error. */
  async function outcome(name: string, args: unknown[]): Promise<string> {
    try {
      await (binding[name] as (...a: unknown[]) => unknown)(...args);
      return 'done';
    } catch (error) {
      if (!(error instanceof Error) && !(Object.prototype.toString.call(error) === '[object Error]'))
        throw new Error('no Error');
      return 'refused';
    }
  }

  it(`answers or refuses whatever it is called with, ${CASES} times`, async () => {
    const outcomes: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(call, async ([name, args]) => {
        const result = `${name} ${await outcome(name, args)}`;
        outcomes[result] = (outcomes[result] ?? 0) + 1;
      }),
      { numRuns: CASES },
    );
    // The generator reaches past the argument checks of every function, or it tests nothing.
    for (const name of Object.keys(wanted)) {
      expect(outcomes[`${name} done`] ?? 0).toBeGreaterThan(20);
      expect(outcomes[`${name} refused`] ?? 0).toBeGreaterThan(20);
    }
  }, 120_000);

  it('refuses file jobs on descriptors that are not open', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...withFiles),
        closedDescriptor,
        fc.array(argument, { maxLength: 5 }),
        async (name, fd, args) => {
          expect(await outcome(name, [fd, ...args])).toBe('refused');
        },
      ),
      { numRuns: 2000 },
    );
  }, 60_000);

  it('keeps hashers apart and alive through any sequence of calls', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), argument), { maxLength: 30 }), (calls) => {
        const Hasher = binding.Hasher as unknown as new (...args: unknown[]) => Record<string, (a: unknown) => void>;
        const hashers = [new Hasher(0), new Hasher(1, pattern(32)), new Hasher(2, pattern(9))];
        for (const [which, value] of calls) {
          const hasher = hashers[which % 3] as Record<string, (a: unknown) => void>;
          try {
            (which === 3 ? hasher.digest : hasher.update)?.call(hasher, value);
          } catch (error) {
            expect(String(error)).toMatch(/Error/);
          }
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});
