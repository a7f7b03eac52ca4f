import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadNetIo } from '../index.ts';
import { implementations, pattern } from './support.ts';

/** Cuts `bytes` at the given fractions of its length. */
function cut(bytes: Buffer, fractions: readonly number[]): Buffer[] {
  const cuts = [0, ...fractions.map((f) => Math.floor(f * bytes.length)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });

describe.each(implementations())('%s: the digest tree', (_, netIo) => {
  const runs = netIo.kernels().implementation === 'native' ? 300 : 25;
  const kernels = netIo.kernels().available;

  it('merges chunks of any power-of-two size, hashed in any order on any kernel in any pieces, to the one-shot root', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400_000 }),
        fc.integer({ min: 0, max: 8 }),
        fc.array(fraction, { maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        async (sizeBytes, chunkPower, fractions, order) => {
          const bytes = pattern(sizeBytes, sizeBytes % 64);
          const chunkBytes = 1024 << chunkPower;
          const count = Math.ceil(sizeBytes / chunkBytes);
          const values = Buffer.alloc(count * 32);
          const left = Array.from({ length: count }, (_, i) => i);
          while (left.length > 0) {
            const [i] = left.splice((order.next().value as number) % left.length, 1) as [number];
            netIo.useKernel(kernels[(order.next().value as number) % kernels.length] as (typeof kernels)[number]);
            const buffers = cut(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes), fractions);
            const leafCounter = (i * chunkBytes) / 1024;
            const value =
              i % 2 ? netIo.chunkValueSync(buffers, leafCounter) : await netIo.chunkValue(buffers, leafCounter);
            value.copy(values, i * 32);
          }
          const root = count === 1 ? await netIo.rootOfOnlyChunk([bytes]) : await netIo.rootOfChunkValues(values);
          expect(root.equals(netIo.hash(bytes))).toBe(true);
        },
      ),
      { numRuns: runs },
    );
  });

  it('hashes incrementally to the same digest however the input is cut', () => {
    fc.assert(
      fc.property(fc.nat(300_000), fc.array(fraction, { maxLength: 20 }), (sizeBytes, fractions) => {
        const bytes = pattern(sizeBytes, 3);
        const hasher = netIo.createHasher();
        for (const piece of cut(bytes, fractions)) hasher.update(piece);
        expect(hasher.digest(40).equals(netIo.hash(bytes, 40))).toBe(true);
      }),
      { numRuns: runs },
    );
  });

  it('takes XOR off again at any offset, in place and while copying', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.uint8Array({ minLength: 1, maxLength: 4096 }),
        fc.nat(Number.MAX_SAFE_INTEGER),
        fraction,
        (bytes, key, streamOffset, at) => {
          netIo.useKernel(kernels[key.length % kernels.length] as (typeof kernels)[number]);
          const whole = Buffer.alloc(bytes.length);
          netIo.xorCopy(bytes, whole, key, streamOffset);
          const expected = bytes.map(
            (byte, i) => byte ^ (key[Number((BigInt(streamOffset) + BigInt(i)) % BigInt(key.length))] as number),
          );
          expect(whole.equals(expected)).toBe(true);
          const [first, second] = cut(whole, [at]) as [Buffer, Buffer];
          netIo.xorInPlace(first, key, streamOffset);
          if (streamOffset + first.length <= Number.MAX_SAFE_INTEGER) {
            netIo.xorInPlace(second, key, streamOffset + first.length);
            expect(whole.equals(bytes)).toBe(true);
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it('counts the stream exactly up to the largest offset', () => {
    const bytes = pattern(301);
    const key = pattern(7, 1);
    const offset = Number.MAX_SAFE_INTEGER;
    const expected = bytes.map((byte, i) => byte ^ (key[Number((BigInt(offset) + BigInt(i)) % 7n)] as number));
    netIo.xorInPlace(bytes, key, offset);
    expect(bytes.equals(expected)).toBe(true);
  });
});

describe('large inputs', () => {
  const native = loadNetIo({ useNative: true });

  it('are hashed by several threads to the digest one would find', async () => {
    const bytes = pattern(2 ** 20);
    for (const size of [2 ** 20 - 1, 2 ** 20 + 1, 5 * 2 ** 20, 9 * 2 ** 20 + 1025, 32 * 2 ** 20]) {
      const input = Buffer.alloc(size);
      for (let at = 0; at < size; at += bytes.length) bytes.copy(input, at);
      const hasher = native.createHasher();
      for (let at = 0; at < size; at += 2 ** 22) hasher.update(input.subarray(at, at + 2 ** 22));
      expect(await native.hashAsync(input)).toEqual(hasher.digest());
    }
  });

  it('at most 65,536 chunk values merge to a root', async () => {
    const values = Buffer.alloc(65_536 * 32, 1);
    expect(await native.rootOfChunkValues(values)).toHaveLength(32);
    await expect(native.rootOfChunkValues(Buffer.alloc(65_537 * 32))).rejects.toThrow(/values must hold 2 to 65536/);
  });
});

describe.each(implementations())('%s: files', (_, netIo) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'net-io-files-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes, reads and hashes a range of a file to the value of the same bytes in memory', async () => {
    const fd = openSync(join(folder, 'data'), 'w+');
    const chunkBytes = 2 ** 19;
    const bytes = pattern(3 * chunkBytes + 777);
    for (const index of [2, 0, 3, 1]) {
      const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
      const leafCounter = (index * chunkBytes) / 1024;
      const expected = netIo.chunkValueSync([chunk], leafCounter);
      const pieces = cut(chunk, [0.1, 0.1, 0.15, 0.7]);
      expect(await netIo.writeAndHash(fd, pieces, index * chunkBytes, leafCounter)).toEqual(expected);
      expect(await netIo.hashFileRange(fd, index * chunkBytes, chunk.length, leafCounter)).toEqual(expected);
      const target = Buffer.alloc(chunk.length + 10, 9);
      expect(await netIo.readAndVerify(fd, target, index * chunkBytes, chunk.length, leafCounter)).toEqual(expected);
      expect(target.subarray(0, chunk.length).equals(chunk)).toBe(true);
      expect(target.subarray(chunk.length).every((byte) => byte === 9)).toBe(true);
    }
  });

  it('hides what it reads as XOR in place would, and answers the value of the bytes as they are in the file', async () => {
    const path = join(folder, 'to-hide');
    const bytes = pattern(700_001);
    writeFileSync(path, bytes);
    const fd = openSync(path, 'r');
    for (const [keyBytes, streamOffset] of [
      [32, 0],
      [37, 5],
      [4096, 2 ** 40 + 3],
    ] as const) {
      const key = pattern(keyBytes, 3);
      const target = Buffer.alloc(bytes.length + 10, 9);
      const value = await netIo.readVerifyAndHide(fd, target, 0, bytes.length, 0, key, streamOffset);
      expect(value).toEqual(netIo.chunkValueSync([bytes], 0));
      expect(target.subarray(bytes.length).every((byte) => byte === 9)).toBe(true);
      const shown = target.subarray(0, bytes.length);
      expect(shown.equals(bytes)).toBe(false);
      netIo.xorInPlace(shown, key, streamOffset);
      expect(shown.equals(bytes)).toBe(true);
    }
  });

  it('hides with the key as it was when it was asked to, whatever becomes of the key', async () => {
    const path = join(folder, 'to-hide-with-a-lost-key');
    const bytes = pattern(5_000);
    writeFileSync(path, bytes);
    const fd = openSync(path, 'r');
    const key = new Uint8Array(pattern(32, 3));
    const target = Buffer.alloc(bytes.length);
    const job = netIo.readVerifyAndHide(fd, target, 0, bytes.length, 0, key, 0);
    key.fill(0);
    structuredClone(key.buffer, { transfer: [key.buffer] });
    await job;
    netIo.xorInPlace(target, pattern(32, 3), 0);
    expect(target.equals(bytes)).toBe(true);
  });

  it('records the value beside the bytes in the same job, and only once all bytes are written', async () => {
    const fd = openSync(join(folder, 'bytes'), 'w+');
    const valuesFd = openSync(join(folder, 'values'), 'w+');
    const bytes = pattern(300_000);
    const pieces = cut(bytes, [0.3, 0.31, 0.9]);
    const expected = netIo.chunkValueSync([bytes], 512);
    expect(await netIo.writeHashAndRecord(fd, pieces, 512 * 1024, 512, valuesFd, 7 * 32)).toEqual(expected);
    expect(await netIo.hashFileRange(fd, 512 * 1024, bytes.length, 512)).toEqual(expected);
    expect(readFileSync(join(folder, 'values'))).toEqual(Buffer.concat([Buffer.alloc(7 * 32), expected]));
    const other = netIo.chunkValueSync([bytes], 0);
    expect(await netIo.writeHashAndRecord(fd, pieces, 512 * 1024, 512, valuesFd, 8 * 32, other)).toEqual(expected);
    expect(readFileSync(join(folder, 'values'))).toHaveLength(8 * 32);
    expect(await netIo.writeHashAndRecord(fd, pieces, 512 * 1024, 512, valuesFd, 8 * 32, expected)).toEqual(expected);
    expect(readFileSync(join(folder, 'values')).subarray(8 * 32)).toEqual(expected);
    const full = openSync('/dev/full', 'w');
    await expect(netIo.writeHashAndRecord(full, pieces, 0, 0, valuesFd, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readFileSync(join(folder, 'values')).subarray(0, 32)).toEqual(Buffer.alloc(32));
    await expect(netIo.writeHashAndRecord(fd, pieces, 0, 0, full, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  it('rejects with SHORT_READ when the file ends early and with the code of the system otherwise', async () => {
    const path = join(folder, 'short');
    writeFileSync(path, pattern(1000));
    const fd = openSync(path, 'r');
    await expect(netIo.hashFileRange(fd, 0, 1001, 0)).rejects.toMatchObject({ code: 'SHORT_READ' });
    await expect(netIo.readAndVerify(fd, Buffer.alloc(64), 990, 64, 0)).rejects.toMatchObject({ code: 'SHORT_READ' });
    await expect(netIo.hashFileRange(fd, 2 ** 52, 1, 0)).rejects.toMatchObject({ code: expect.any(String) });
    await expect(netIo.writeAndHash(fd, [pattern(10)], 0, 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(netIo.hashFileRange(999_999, 0, 10, 0)).rejects.toMatchObject({ code: 'EBADF' });
    const full = openSync('/dev/full', 'w');
    await expect(netIo.writeAndHash(full, [pattern(5000)], 0, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  it('locks a file for one open of it at a time', () => {
    const path = join(folder, `lock-${netIo.kernels().implementation}`);
    const first = openSync(path, 'w');
    const second = openSync(path, 'r');
    expect(netIo.lockFile(first)).toBe(true);
    expect(netIo.lockFile(first)).toBe(true);
    expect(netIo.lockFile(second)).toBe(false);
    expect(() => netIo.lockFile(999_999)).toThrow();
  });
});
