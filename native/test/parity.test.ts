import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NetIo } from '../index.ts';
import { implementations, pattern } from './support.ts';

/** One call, told so that each implementation gets memory of its own. */
interface Call {
  readonly name: string;
  readonly args: readonly Recipe[];
}

/** An argument, or an array to make: the same bytes each time. */
type Recipe =
  | { readonly value: unknown }
  | { readonly bytes: number; readonly memory: Memory }
  | { readonly list: Recipe[] };
type Memory = 'own' | 'offset' | 'shared' | 'resizable' | 'detached';

/** An array of bytes that begin anywhere in memory of any kind. */
function makeBytes(sizeBytes: number, memory: Memory): Uint8Array {
  if (memory === 'own') return new Uint8Array(pattern(sizeBytes));
  if (memory === 'offset') return pattern(sizeBytes, 3);
  const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;
  const buffers = {
    shared: () => new SharedArrayBuffer(sizeBytes),
    resizable: () => new Resizable(sizeBytes, { maxByteLength: sizeBytes + 100 }),
    detached: () => new ArrayBuffer(sizeBytes),
  };
  const bytes = new Uint8Array(buffers[memory]());
  bytes.set(pattern(sizeBytes));
  if (memory === 'detached') structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
  return bytes;
}

function make(recipe: Recipe): unknown {
  if ('list' in recipe) return recipe.list.map(make);
  return 'value' in recipe ? recipe.value : makeBytes(recipe.bytes, recipe.memory);
}

const hex = (bytes: unknown) => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : bytes);

/** What a call gave and did to its arrays, or what it refused them with. */
async function outcome(netIo: NetIo, { name, args }: Call): Promise<unknown> {
  const functions = netIo as unknown as Record<string, (...args: unknown[]) => unknown>;
  const made = args.map(make);
  try {
    const answer = await (functions[name] as (...args: unknown[]) => unknown)(...made);
    return { answer: hex(answer), arrays: made.map(hex) };
  } catch (error) {
    const { name: kind, message, code } = error as NodeJS.ErrnoException;
    return { kind, message, code };
  }
}

const given = (value: unknown): Recipe => ({ value });
const bytesOf = (size: fc.Arbitrary<number>): fc.Arbitrary<Recipe> =>
  fc.record({
    bytes: size,
    memory: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom<Memory>('own', 'offset') },
      { weight: 3, arbitrary: fc.constantFrom<Memory>('shared', 'resizable', 'detached') },
    ),
  });
const bytes = bytesOf(fc.oneof(fc.nat(200), fc.nat(5000), fc.constantFrom(0, 1024, 1025, 70_000)));
const buffers = fc.array(bytes, { maxLength: 4 }).map((list) => ({ list }));
const junk = fc
  .oneof(fc.anything({ withTypedArray: false }), fc.constantFrom(1n, Symbol.iterator, Number.NaN, '', 'text'))
  .map(given);
const number = fc
  .oneof(
    fc.nat(9),
    fc.double(),
    fc.constantFrom(-1, 0.1, 1e21, -0, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -Infinity, Infinity, Number.NaN),
  )
  .map(given);
const leafCounter = fc.constantFrom(0, 0, 0, 1, 64, 2 ** 32, 2 ** 53 - 64, 2 ** 53 - 1).map(given);
const outputBytes = fc.oneof(fc.constantFrom(undefined, 1, 32, 33, 200, 65_536), fc.constantFrom(0, 65_537)).map(given);
const key = bytesOf(fc.constant(32));
const xorKey = bytesOf(fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(0, 4096, 4097)));
const streamOffset = fc.oneof(fc.nat(5000), fc.constantFrom(2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53)).map(given);
const small = fc.nat(3000).map(given);
const length = fc.nat(150).map(given);

describe('the fallback beside the addon', () => {
  const [[, native], [, fallback]] = implementations() as [[string, NetIo], [string, NetIo]];
  let folder: string;
  const descriptors: number[] = [];
  /** Files of the same bytes, one for each implementation: a write of one must not be what the other reads. */
  const fd = { native: -1, fallback: -1 };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'net-io-parity-'));
    for (const name of ['native', 'fallback'] as const) {
      writeFileSync(join(folder, name), pattern(10_000));
      fd[name] = openSync(join(folder, name), 'r+');
      descriptors.push(fd[name]);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const FILE: Recipe = { value: 'the file' };
  const file = fc.oneof(
    { weight: 6, arbitrary: fc.constant(FILE) },
    { weight: 1, arbitrary: fc.constantFrom(999_999, -1, 1.5).map(given) },
  );

  /** What each function wants; junk takes any place at times. */
  const wanted: Record<string, fc.Arbitrary<Recipe>[]> = {
    hash: [bytes, outputBytes],
    hashAsync: [bytes],
    keyedHash: [key, bytes, outputBytes],
    deriveKey: [fc.string().map(given), bytes, outputBytes],
    chunkValue: [buffers, leafCounter],
    chunkValueSync: [buffers, leafCounter],
    rootOfOnlyChunk: [buffers],
    rootOfChunkValues: [bytesOf(fc.nat(70).map((count) => count * 32))],
    readAndVerify: [file, bytes, small, length, leafCounter],
    readVerifyAndHide: [file, bytes, small, length, leafCounter, xorKey, streamOffset],
    hashFileRange: [file, small, small, leafCounter],
    writeAndHash: [file, buffers, small, leafCounter],
    writeHashAndRecord: [file, buffers, small, leafCounter, file, small, fc.oneof(fc.constant(given(undefined)), key)],
    xorInPlace: [bytes, xorKey, streamOffset],
    xorCopy: [bytes, bytes, xorKey, streamOffset],
  };
  const call = fc.constantFrom(...Object.keys(wanted)).chain((name) =>
    fc.record({
      name: fc.constant(name),
      args: fc.tuple(
        ...(wanted[name] as fc.Arbitrary<Recipe>[]).map((arbitrary) =>
          fc.oneof(
            { weight: 12, arbitrary },
            {
              weight: 1,
              arbitrary: fc.oneof(
                number,
                junk,
                bytes,
                fc.array(junk, { maxLength: 2 }).map((list) => ({ list })),
              ),
            },
          ),
        ),
      ),
    }),
  );

  /** The same call for both, each on its own file. */
  async function both({ name, args }: Call): Promise<[unknown, unknown]> {
    const on = (own: number) => ({ name, args: args.map((arg) => (arg === FILE ? { value: own } : arg)) });
    return [await outcome(native, on(fd.native)), await outcome(fallback, on(fd.fallback))];
  }

  /** Descriptors differ, and nothing else does. */
  const withoutDescriptors = (result: unknown) => {
    const { arrays, ...rest } = result as { arrays?: unknown[] };
    return { ...rest, arrays: arrays?.map((array) => (descriptors.includes(array as number) ? 'the file' : array)) };
  };

  it('gives the same answers and refuses in the same words, whatever both are called with', async () => {
    const counts: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(call, async (one) => {
        const [ours, theirs] = await both(one);
        expect(withoutDescriptors(theirs)).toEqual(withoutDescriptors(ours));
        const label = `${one.name} ${(ours as { kind?: string }).kind === undefined ? 'answered' : 'refused'}`;
        counts[label] = (counts[label] ?? 0) + 1;
      }),
      { numRuns: 600 },
    );
    for (const name of Object.keys(wanted)) {
      expect(counts[`${name} answered`] ?? 0).toBeGreaterThan(0);
      expect(counts[`${name} refused`] ?? 0).toBeGreaterThan(0);
    }
  }, 120_000);

  const MIB = 2 ** 20;
  const many = (count: number, sizeBytes: number): Recipe => ({
    list: Array.from({ length: count }, () => ({ bytes: sizeBytes, memory: 'own' as const })),
  });
  it.each<[string, Call]>([
    ['a list too long for the calling thread', { name: 'chunkValueSync', args: [many(2, MIB + 1), given(0)] }],
    [
      'a list of more than 64 MiB',
      { name: 'rootOfOnlyChunk', args: [{ list: Array(70).fill({ value: Buffer.alloc(MIB) }) }] },
    ],
    ['an input too long for the calling thread', { name: 'hash', args: [given(Buffer.alloc(4 * MIB + 1))] }],
    [
      'a buffer shorter than what is to be read',
      { name: 'readAndVerify', args: [FILE, { bytes: 9, memory: 'own' }, given(0), given(10), given(0)] },
    ],
    ['a file that ends early', { name: 'hashFileRange', args: [FILE, given(10 ** 6), given(2000), given(0)] }],
    ['a descriptor that is not open', { name: 'hashFileRange', args: [given(999_999), given(5), given(10), given(0)] }],
    ['to lock a descriptor that is not open', { name: 'lockFile', args: [given(999_999)] }],
    ['a context of another type', { name: 'deriveKey', args: [given(7), given(7), given(0)] }],
    [
      'a number with many digits',
      { name: 'xorInPlace', args: [given(Buffer.alloc(1)), given(Buffer.alloc(1)), given(0.1 + 0.2)] },
    ],
  ])('refuses %s in the same words', async (_, one) => {
    const [ours, theirs] = await both(one);
    expect(theirs).toEqual(ours);
    expect(ours).toHaveProperty('message');
  });
});
