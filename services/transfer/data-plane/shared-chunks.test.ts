import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../../test/support/waiting.ts';
import { BufferPool } from './buffer-pool.ts';
import { type FileReader, type HeldChunk, SharedChunks } from './shared-chunks.ts';

const CHUNK = 1024;

/** A file whose chunks are filled with their value's first byte, and how often each was read. */
function world(maxIdleBytes = 4 * CHUNK, keptMs = 60_000) {
  const pool = new BufferPool();
  const given: Buffer[] = [];
  const give = pool.give.bind(pool);
  pool.give = (buffer) => {
    given.push(buffer);
    give(buffer);
  };
  const chunks = new SharedChunks(pool, maxIdleBytes, keptMs);
  const loads: number[] = [];
  const read = (
    reader: FileReader,
    index: number,
    {
      value = index,
      lengthBytes = CHUNK - 1,
      isPart = false,
      load = async () => true,
    }: { value?: number; lengthBytes?: number; isPart?: boolean; load?: () => Promise<boolean> } = {},
  ) =>
    reader.read({
      index,
      value: new Uint8Array(32).fill(value),
      lengthBytes,
      bufferBytes: CHUNK,
      isPart,
      load: (buffer) => {
        loads.push(index);
        buffer.fill(value);
        return load();
      },
    });
  return { chunks, loads, given, read };
}

function sound(chunk: HeldChunk | null): HeldChunk {
  assert(chunk !== null);
  return chunk;
}

describe('chunks that several readers share', () => {
  it('are read once by those who want them at the same time, and given back once by the last', async () => {
    const { chunks, loads, given, read } = world();
    const readers = Array.from({ length: 8 }, () => chunks.enter('a'));
    const held = (await Promise.all(readers.map((reader) => read(reader, 3)))).map(sound);
    expect(loads).toEqual([3]);
    expect(new Set(held.map(({ bytes }) => bytes.buffer)).size).toBe(1);
    expect(held.map(({ bytes }) => [bytes.length, bytes[0]])).toEqual(Array(8).fill([CHUNK - 1, 3]));
    for (const reader of readers) reader.leave(true);
    for (const { release } of held.slice(1)) release();
    expect(given).toEqual([]);
    held[0]?.release();
    held[0]?.release();
    expect(given).toHaveLength(1);
  });

  it('stay a little for who comes behind, the latest of them', async () => {
    const { chunks, loads, given, read } = world(2 * CHUNK);
    const [first, second] = [chunks.enter('a'), chunks.enter('a')];
    for (const index of [0, 1, 2]) sound(await read(first, index)).release();
    expect([chunks.idleBytes, given.length]).toEqual([2 * CHUNK, 1]);
    const late = sound(await read(second, 1));
    expect([late.bytes[0], chunks.idleBytes]).toEqual([1, CHUNK]);
    sound(await read(second, 0)).release();
    expect(loads).toEqual([0, 1, 2, 0]);
    late.release();
    expect(chunks.idleBytes).toBe(2 * CHUNK);
    first.leave(true);
    expect([chunks.idleBytes, given.length]).toEqual([0, 4]);
  });

  it('are not found any more when somebody broke off who may never release them', async () => {
    const { chunks, loads, given, read } = world();
    const [broken, other] = [chunks.enter('a'), chunks.enter('a')];
    const [lost, late] = [sound(await read(broken, 0)), sound(await read(broken, 1))];
    broken.leave(false);
    expect(sound(await read(other, 0)).bytes.buffer).not.toBe(lost.bytes.buffer);
    expect(loads).toEqual([0, 1, 0]);
    expect(given).toEqual([]);
    late.release();
    expect(given.map((buffer) => buffer.buffer)).toEqual([late.bytes.buffer]);
  });

  it('are found by those behind while the socket of one who has had everything still sends them', async () => {
    const { chunks, loads, given, read } = world();
    const [whole, other] = [chunks.enter('a'), chunks.enter('a')];
    const last = sound(await read(whole, 0));
    whole.leave(true);
    const same = sound(await read(other, 0));
    expect([same.bytes.buffer === last.bytes.buffer, loads]).toEqual([true, [0]]);
    same.release();
    expect(given).toEqual([]);
    last.release();
    expect(given).toHaveLength(1);
  });

  it('are as long as what was verified of them', async () => {
    const { chunks, read } = world();
    const [first, second] = [chunks.enter('a'), chunks.enter('a')];
    await read(first, 0);
    expect(sound(await read(second, 0, { lengthBytes: CHUNK })).bytes).toHaveLength(CHUNK - 1);
  });

  it('are read once by somebody who has them part by part, one request after the other', async () => {
    const { chunks, loads, given, read } = world();
    for (let turn = 0; turn < 5; turn += 1) {
      const reader = chunks.enter('a');
      const part = sound(await read(reader, 3, { isPart: true }));
      expect([part.bytes[0], chunks.idleBytes]).toEqual([3, 0]);
      reader.leave(true);
      part.release();
      expect([chunks.idleBytes, chunks.has('a', 3), chunks.has('a', 2)]).toEqual([CHUNK, true, false]);
    }
    expect([loads, given]).toEqual([[3], []]);
    // The latest of all files stay, and none that was committed anew.
    const others = ['b', 'c', 'd', 'e'].map((file) => chunks.enter(file));
    for (const other of others) sound(await read(other, 0, { isPart: true })).release();
    for (const other of others) other.leave(true);
    expect([chunks.idleBytes, chunks.has('a', 3), given.length]).toEqual([4 * CHUNK, false, 1]);
    const again = chunks.enter('e');
    expect(sound(await read(again, 0, { value: 9, isPart: true })).bytes[0]).toBe(9);
    expect(loads).toEqual([3, 0, 0, 0, 0, 0]);
  });

  it('of which somebody had a part are given back after a while', async () => {
    const { chunks, given, read } = world(4 * CHUNK, 1);
    const reader = chunks.enter('a');
    sound(await read(reader, 0, { isPart: true })).release();
    reader.leave(true);
    expect(given).toHaveLength(0);
    await waitFor('it is given back', 5_000, async () => given.length === 1);
    expect([chunks.idleBytes, chunks.has('a', 0)]).toEqual([0, false]);
  });

  it('of which somebody had a part are not found when that answer broke off', async () => {
    const { chunks, given, read } = world();
    const reader = chunks.enter('a');
    const lost = sound(await read(reader, 0, { isPart: true }));
    reader.leave(false);
    expect(chunks.has('a', 0)).toBe(false);
    lost.release();
    expect([chunks.idleBytes, given.length]).toEqual([0, 1]);
  });

  it('are still found by the next reader when what an answer broke off with is released late', async () => {
    const { chunks, loads, read } = world();
    const broken = chunks.enter('a');
    const lost = sound(await read(broken, 0));
    broken.leave(false);
    const second = chunks.enter('a');
    const held = sound(await read(second, 1));
    lost.release();
    const third = chunks.enter('a');
    sound(await read(third, 1)).release();
    expect([chunks.has('a', 1), loads]).toEqual([true, [0, 1]]);
    held.release();
  });

  it('do not stay where one reads alone', async () => {
    const { chunks, given, read } = world();
    const reader = chunks.enter('a');
    chunks.enter('b');
    sound(await read(reader, 0)).release();
    expect([chunks.idleBytes, given.length]).toEqual([0, 1]);
  });

  it('are not taken for others: of another file, or committed anew', async () => {
    const { chunks, loads, given, read } = world();
    const [a, again, b] = [chunks.enter('a'), chunks.enter('a'), chunks.enter('b')];
    const old = sound(await read(a, 0, { value: 7 }));
    const other = sound(await read(b, 0, { value: 7 }));
    const fresh = sound(await read(again, 0, { value: 8 }));
    expect(loads).toEqual([0, 0, 0]);
    expect([old, other, fresh].map(({ bytes }) => bytes[0])).toEqual([7, 7, 8]);
    old.release();
    expect(given).toHaveLength(1);
    expect(sound(await read(a, 0, { value: 8 })).bytes[0]).toBe(8);
    expect(loads).toHaveLength(3);
  });

  it('that turn out wrong or cannot be read are nobody’s, and the next one reads them again', async () => {
    const { chunks, loads, given, read } = world();
    const [first, second] = [chunks.enter('a'), chunks.enter('a')];
    const wrong = { load: async () => false };
    expect(await Promise.all([read(first, 0, wrong), read(second, 0, wrong)])).toEqual([null, null]);
    const broken = { load: () => Promise.reject(new Error('EIO')) };
    const both = await Promise.allSettled([read(first, 0, broken), read(second, 0, broken)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([chunks.idleBytes, given.length]).toEqual([0, 2]);
    expect(sound(await read(second, 0)).bytes[0]).toBe(0);
    expect(loads).toEqual([0, 0, 0]);
  });

  it('are given back once each by readers that come, stop and leave as they please', async () => {
    const { chunks, given, read } = world(3 * CHUNK);
    let taken = 0;
    const one = async (seed: number) => {
      const reader = chunks.enter(`file ${seed % 2}`);
      const held: HeldChunk[] = [];
      for (let index = 0; index < 20 - (seed % 5); index += 1) {
        const load = async () => {
          taken += 1;
          for (let turns = 0; turns < (seed * 7 + index) % 4; turns += 1) await Promise.resolve();
          return true;
        };
        const chunk = sound(await read(reader, index, { load }));
        expect(chunk.bytes.every((byte) => byte === index)).toBe(true);
        held.push(chunk);
        if (held.length > seed % 3) held.shift()?.release();
      }
      reader.leave(true);
      for (const { release } of held) release();
    };
    await Promise.all(Array.from({ length: 12 }, (_, seed) => one(seed)));
    expect(chunks.idleBytes).toBe(0);
    expect(given).toHaveLength(taken);
  });
});
