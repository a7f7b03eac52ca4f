import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../index.ts';
import { implementations, loadBinding, pattern } from './support.ts';

/** A Uint8Array whose memory was transferred away. */
function detached(): Uint8Array {
  const bytes = new Uint8Array(4096);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

function resizable(sizeBytes: number): { bytes: Uint8Array; resize: (size: number) => void } {
  // TypeScript's es2023 library does not know resizable buffers; Node 20 does.
  const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Resizable(sizeBytes, { maxByteLength: 2 * sizeBytes }) as ArrayBuffer & {
    resize(n: number): void;
  };
  const bytes = new Uint8Array(buffer);
  bytes.set(pattern(sizeBytes));
  return { bytes, resize: (size) => buffer.resize(size) };
}

let folder: string;
let fd: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'net-io-safety-'));
  writeFileSync(join(folder, 'file'), pattern(2 ** 20));
  fd = openSync(join(folder, 'file'), 'r+');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(implementations())('%s: bad arguments', (_, netIo) => {
  const ok = pattern(64);
  // The interface forbids these by type; JavaScript callers can pass them all the same.
  const anything = netIo as unknown as Record<string, (...args: unknown[]) => unknown>;
  const call = async (name: string, args: unknown[]) => (anything[name] as (...a: unknown[]) => unknown)(...args);

  const cases: [string, unknown[], RegExp][] = [
    ['hash', ['text'], /^input must be a Uint8Array/],
    ['hash', [], /^input must be a Uint8Array/],
    ['hash', [new Uint16Array(4)], /^input must be a Uint8Array/],
    ['hash', [new DataView(new ArrayBuffer(4))], /^input must be a Uint8Array/],
    ['hash', [new ArrayBuffer(4)], /^input must be a Uint8Array/],
    ['hash', [detached()], /^input is detached/],
    ['hash', [Buffer.alloc(4 * 2 ** 20 + 1)], /^input has 4194305 bytes, at most 4194304/],
    ['hash', [ok, 0], /^outputBytes is 0/],
    ['hash', [ok, 65_537], /^outputBytes is 65537/],
    ['hash', [ok, 1.5], /^outputBytes is 1.5/],
    ['hashAsync', [null], /^input must be a Uint8Array/],
    ['hashAsync', [detached()], /^input is detached/],
    ['keyedHash', [pattern(31), ok], /^key must have 32 bytes/],
    ['keyedHash', [pattern(32), undefined], /^input must be/],
    ['deriveKey', [7, ok], /^context must be a string/],
    ['deriveKey', ['x'.repeat(65_537), ok], /^context has 65537 bytes/],
    ['deriveKey', ['x', 7], /^keyMaterial must be/],
    ['createHasher', [{ key: pattern(32), context: 'x' }], /^key and context/],
    ['createHasher', [{ key: pattern(33) }], /^key must have 32 bytes/],
    ['chunkValue', [ok, 0], /^buffers must be an array/],
    ['chunkValue', [[ok, 'x'], 0], /^buffers\[1\] must be a Uint8Array/],
    ['chunkValue', [[detached()], 0], /^buffers\[0\] is detached/],
    ['chunkValue', [[], 0], /^buffers hold 0 bytes/],
    ['chunkValue', [Array.from({ length: 16_385 }, () => ok), 0], /^buffers has 16385 elements/],
    ['chunkValue', [[ok], -1], /^leafCounter is -1/],
    ['chunkValue', [[ok], 0.5], /^leafCounter is 0.5/],
    ['chunkValue', [[ok], Number.NaN], /^leafCounter is (nan|NaN)/],
    ['chunkValue', [[ok], 2 ** 53], /^leafCounter is 9007199254740992/],
    ['chunkValue', [[ok], 1n], /^leafCounter must be a number/],
    ['chunkValue', [[pattern(3000)], 2], /^leafCounter is 2, a multiple of 4 is wanted for 3 leaves/],
    ['chunkValueSync', [[Buffer.alloc(2 * 2 ** 20 + 1)], 0], /^buffers hold/],
    ['rootOfOnlyChunk', [Array.from({ length: 65 }, () => Buffer.alloc(2 ** 20))], /^buffers hold/],
    ['rootOfChunkValues', [Buffer.alloc(32)], /^values must hold 2 to 65536/],
    ['rootOfChunkValues', [Buffer.alloc(65)], /^values must hold/],
    ['readAndVerify', [-1, ok, 0, 1, 0], /^fd is -1/],
    ['readAndVerify', ['3', ok, 0, 1, 0], /^fd must be a number/],
    ['readAndVerify', [3, ok, 2 ** 53, 1, 0], /^offset is 9007199254740992/],
    ['readAndVerify', [3, ok, -1, 1, 0], /^offset is -1/],
    ['readAndVerify', [3, ok, 0, 65, 0], /^length is larger than buffer/],
    ['readAndVerify', [3, ok, 0, 0, 0], /^length is 0/],
    ['readAndVerify', [3, detached(), 0, 1, 0], /^buffer is detached/],
    ['readVerifyAndHide', [3, ok, 0, 65, 0, ok, 0], /^length is larger than buffer/],
    ['readVerifyAndHide', [3, ok, 0, 1, 0, Buffer.alloc(0), 0], /^key must have at least one byte/],
    ['readVerifyAndHide', [3, ok, 0, 1, 0, ok, -1], /^streamOffset is -1/],
    ['hashFileRange', [3, 0, 64 * 2 ** 20 + 1, 0], /^length is 67108865/],
    ['writeAndHash', [3, [], 0, 0], /^buffers hold 0 bytes/],
    ['writeHashAndRecord', [3, [], 0, 0, 3, 0], /^buffers hold 0 bytes/],
    ['writeHashAndRecord', [3, [ok], 0, 0, -1, 0], /^fd is -1/],
    ['writeHashAndRecord', [3, [ok], 0, 0, 3, -1], /^valueOffset is -1/],
    ['writeHashAndRecord', [3, [ok], 0, 0, 3, 0, Buffer.alloc(31)], /^expectedValue must have 32 bytes/],
    ['writeHashAndRecord', [3, [ok], 0, 0, 3, 0, null], /^expectedValue must be a Uint8Array/],
    ['lockFile', [1.5], /^fd is 1.5/],
    ['xorInPlace', [ok, Buffer.alloc(0), 0], /^key must have at least one byte/],
    ['xorInPlace', [ok, Buffer.alloc(4097), 0], /^key has 4097 bytes/],
    ['xorInPlace', [ok, ok, 2 ** 53], /^streamOffset is 9007199254740992/],
    ['xorInPlace', [Buffer.alloc(16 * 2 ** 20 + 1), ok, 0], /^buffer has/],
    ['xorCopy', [ok, Buffer.alloc(63), ok, 0], /^target is shorter than source/],
    ['xorCopy', [ok, detached(), ok, 0], /^target is detached/],
  ];
  it.each(cases.map(([name, args, message], i) => [`${i}: ${name} ${message.source}`, name, args, message] as const))(
    '%s',
    async (_label, name, args, message) => {
      await expect(call(name, args as unknown[])).rejects.toThrow(message);
    },
  );

  it('refuses every other kind of array that this engine knows', () => {
    // Float16Array among them from Node 24 on, which its Node-API does not know.
    const kinds = Object.getOwnPropertyNames(globalThis).filter((name) => /\d(Clamped)?Array$/.test(name));
    expect(kinds.length).toBeGreaterThan(8);
    for (const name of kinds.filter((kind) => kind !== 'Uint8Array')) {
      const Kind = (globalThis as unknown as Record<string, new (length: number) => Uint8Array>)[name];
      netIo.hash(ok);
      expect(() => netIo.hash(new (Kind as new (length: number) => Uint8Array)(4))).toThrow(
        /^input must be a Uint8Array/,
      );
    }
  });

  it('refuses a target that overlaps the source in part, and takes one that is the source', () => {
    const bytes = Buffer.alloc(100);
    expect(() => netIo.xorCopy(bytes.subarray(0, 50), bytes.subarray(10), ok, 0)).toThrow(/overlaps source in part/);
    expect(() => netIo.xorCopy(bytes.subarray(10, 60), bytes, ok, 0)).toThrow(/overlaps source in part/);
    netIo.xorCopy(bytes, bytes, ok, 0);
    expect(bytes.subarray(0, 64).equals(ok)).toBe(true);
    // Side by side they share nothing.
    netIo.xorCopy(bytes.subarray(0, 50), bytes.subarray(50), ok, 0);
    netIo.xorCopy(bytes.subarray(50), bytes.subarray(0, 50), ok, 0);
    expect(bytes.subarray(0, 50).equals(ok.subarray(0, 50))).toBe(true);
  });

  it('takes no digest of a hasher that is empty or too long', () => {
    for (const outputBytes of [0, 65_537, 1.5]) {
      expect(() => netIo.createHasher().digest(outputBytes)).toThrow(/^outputBytes is/);
    }
  });

  it('takes empty, shared and resizable memory for what it is', async () => {
    const expected = netIo.hash(pattern(100_000));
    expect(netIo.hash(new Uint8Array(0))).toEqual(netIo.hash(Buffer.alloc(0)));
    expect(netIo.hash(pattern(10).subarray(5, 5))).toEqual(netIo.hash(Buffer.alloc(0)));
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    shared.set(pattern(100_000));
    const { bytes } = resizable(100_000);
    for (const input of [shared, bytes]) {
      expect(netIo.hash(input)).toEqual(expected);
      expect(await netIo.hashAsync(input)).toEqual(expected);
      expect(await netIo.rootOfOnlyChunk([input.subarray(0, 5), input.subarray(5)])).toEqual(expected);
      expect(await netIo.readAndVerify(fd, input, 0, 65_536, 0)).toEqual(netIo.chunkValueSync([pattern(65_536)], 0));
      expect(Buffer.from(input.subarray(0, 65_536)).equals(pattern(65_536))).toBe(true);
    }
  });

  it('takes a view that its shrunken buffer no longer holds for empty', () => {
    const { bytes, resize } = resizable(1000);
    const fixed = new Uint8Array(bytes.buffer, 500, 100);
    resize(10);
    expect(bytes).toHaveLength(10);
    expect(netIo.hash(bytes)).toEqual(netIo.hash(pattern(10)));
    expect(netIo.hash(fixed)).toEqual(netIo.hash(Buffer.alloc(0)));
    expect(() => netIo.xorInPlace(fixed, ok, 0)).not.toThrow();
  });

  it('takes file offsets up to the largest safe integer', async () => {
    const far = Number.MAX_SAFE_INTEGER;
    await expect(netIo.hashFileRange(fd, far, 1, 0)).rejects.toMatchObject({
      code: expect.stringMatching(/SHORT_READ|EINVAL/),
    });
    expect(netIo.chunkValueSync([pattern(10)], far)).toHaveLength(32);
  });
});

/** What may happen to a buffer while a job runs on it. Nothing must crash; a job's answer may be any bytes. */
describe.each([
  ['held in place', false],
  ['copied', true],
])('native: memory that changes while a job runs, %s', (_, force) => {
  const netIo = loadNetIo({ useNative: true });
  const binding = loadBinding();
  afterEach(() => binding.forceCopies(false));

  it('is known to be held or copied', () => {
    expect(binding.holdsMemoryInPlace()).toBe(true);
    binding.forceCopies(true);
    expect(binding.holdsMemoryInPlace()).toBe(false);
  });

  it('survives transfer and collection of the buffer, with the right answer', async () => {
    binding.forceCopies(force);
    const expected = netIo.hash(Buffer.alloc(2 ** 22, 5));
    for (let i = 0; i < 12; i++) {
      const input = new Uint8Array(2 ** 22).fill(5);
      const whole = netIo.hashAsync(input);
      const parts = netIo.rootOfOnlyChunk([input.subarray(0, 1000), input.subarray(1000)]);
      structuredClone(input.buffer, { transfer: [input.buffer] });
      expect(input.byteLength).toBe(0);
      // Memory that was freed is handed out again, and overwritten.
      for (let j = 0; j < 4; j++) new Uint8Array(2 ** 22).fill(j);
      expect(await whole).toEqual(expected);
      expect(await parts).toEqual(expected);
    }
  });

  it('survives transfer of the target of a read and of the source of a write', async () => {
    binding.forceCopies(force);
    const target = new Uint8Array(2 ** 20);
    const read = netIo.readAndVerify(fd, target, 0, 2 ** 20, 0);
    structuredClone(target.buffer, { transfer: [target.buffer] });
    if (force) await expect(read).rejects.toThrow(/buffer lost its memory/);
    else expect(await read).toEqual(netIo.chunkValueSync([pattern(2 ** 20)], 0));
    const source = new Uint8Array(pattern(2 ** 20));
    const write = netIo.writeAndHash(fd, [source], 0, 0);
    structuredClone(source.buffer, { transfer: [source.buffer] });
    expect(await write).toEqual(netIo.chunkValueSync([pattern(2 ** 20)], 0));
  });

  it('leaves what lies behind the bytes that were read as it was', async () => {
    binding.forceCopies(force);
    const target = new Uint8Array(3_000).fill(7);
    await netIo.readAndVerify(fd, target, 0, 1_000, 0);
    expect(Buffer.from(target.buffer, 1_000).equals(Buffer.alloc(2_000, 7))).toBe(true);
    target.fill(7);
    await expect(netIo.readAndVerify(fd, target, 2 ** 40, 1_000, 0)).rejects.toThrow(/the file ends/);
    // All of it: what was not read is not memory that was somebody else's.
    expect(Buffer.from(target.buffer).equals(Buffer.alloc(3_000, 7))).toBe(true);
  });

  it('leaves alone what is written behind the bytes while they are read', async () => {
    binding.forceCopies(force);
    const target = new Uint8Array(3_000);
    const job = netIo.readAndVerify(fd, target, 0, 1_000, 0);
    target.fill(7, 1_000);
    await job;
    expect(Buffer.from(target.buffer, 1_000).equals(Buffer.alloc(2_000, 7))).toBe(true);
  });

  it('survives a resizable buffer that shrinks to nothing', async () => {
    binding.forceCopies(force);
    const { bytes, resize } = resizable(2 ** 22);
    const expected = netIo.hash(pattern(2 ** 22));
    const jobs = [netIo.hashAsync(bytes), netIo.rootOfOnlyChunk([bytes])];
    resize(0);
    expect(await Promise.all(jobs)).toEqual([expected, expected]);
    resize(2 ** 20);
    const read = netIo.readAndVerify(fd, bytes, 0, 2 ** 20, 0);
    resize(10);
    await expect(read).rejects.toThrow(/buffer lost its memory/);
  });

  it('survives writes to the buffer meanwhile', async () => {
    binding.forceCopies(force);
    const shared = new Uint8Array(new SharedArrayBuffer(2 ** 22));
    const job = netIo.hashAsync(shared);
    for (let i = 0; i < shared.length; i += 64) shared[i] = i;
    expect(await job).toHaveLength(32);
  });

  it('reads a list whose elements take each other away only once, and not after', async () => {
    binding.forceCopies(force);
    const victim = new Uint8Array(2 ** 20);
    const list = [victim, victim];
    Object.defineProperty(list, 1, {
      get() {
        structuredClone(victim.buffer, { transfer: [victim.buffer] });
        return victim;
      },
    });
    expect(() => netIo.chunkValueSync(list, 0)).toThrow(/buffers\[0\] is detached/);
    const throwing = [victim];
    Object.defineProperty(throwing, 0, {
      get() {
        throw new Error('not today');
      },
    });
    await expect(netIo.chunkValue(throwing, 0)).rejects.toThrow('not today');
  });
});

describe('native: hasher objects', () => {
  const binding = loadBinding();

  it('refuse to be called on anything else', () => {
    const { update } = binding.Hasher.prototype;
    for (const self of [{}, null, 7, new (class {})()]) expect(() => update.call(self as never, pattern(1))).toThrow();
    expect(() => (binding.Hasher as unknown as () => void)()).toThrow();
    expect(() => new binding.Hasher(3 as 0)).toThrow(/mode is 3/);
  });
});
