import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../../test/support/memory-chunk-store.ts';
import { memoryCopies, memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { readerParts } from '../../../test/support/reader-parts.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import type { Piece } from './pieces.ts';
import { readPieces } from './read-pieces.ts';

const CHUNK = 1024;
const CHUNKS = 8;

/** A sealed file of eight chunks, and what its readers share. */
async function world(maxBytes: number) {
  const repository = new MemoryTransferRepository(() => Date.now());
  const store = new MemoryChunkStore(loadNetIo({ useNative: true }));
  /** Another node has what was stored here at first. */
  const copies = memoryCopies(
    async () => ['node-x'],
    async () => null,
  );
  const other = {
    ...copies,
    read: async (_id: string, _of: unknown, _file: unknown, at: number) => Buffer.alloc(CHUNK, at),
  };
  const engine = memoryEngine({ repository, store, nowMs: () => Date.now(), copies: other });
  const files = [{ sizeBytes: CHUNKS * CHUNK, chunkSizeBytes: CHUNK }];
  const transfer = await engine.load((await insertTransfer(repository, { files })).transfer.id);
  const file = transfer.file(0);
  for (let index = 0; index < CHUNKS; index += 1) {
    await engine.writeChunk(transfer, file, { index, bytes: [Buffer.alloc(CHUNK, index)] });
  }
  await engine.sealWhenComplete(transfer, file);
  const shared = readerParts(maxBytes);
  const { readers } = shared;
  const cuts: unknown[] = [];
  const read = (from: number, to: number, ending = new AbortController()) =>
    readPieces({
      deps: { engine, ...shared },
      transfer,
      file,
      from,
      to,
      signal: ending.signal,
      cut: (fault) => {
        cuts.push(fault);
        ending.abort(fault);
      },
    });
  const rot = (index: number) => store.files.get(file.row.id)?.chunks.set(index, Buffer.alloc(CHUNK, 99));
  const isInUse = async () => !(await engine.openFiles.whileUnused(file.row.id, async () => true));
  return { read, readers, cuts, chunks: shared.chunks, rot, isInUse };
}

async function next(reading: AsyncGenerator<Piece, void, void>): Promise<Piece> {
  const { value } = await reading.next();
  assert(value !== undefined);
  return value;
}

describe('pieces of a file', () => {
  it('borrow what is read ahead, and have repaid all of it when each was taken, in the end or before', async () => {
    const { read, readers } = await world(100 * CHUNK);
    const taken: Piece[] = [];
    for await (const piece of read(1, CHUNKS * CHUNK)) taken.push(piece);
    expect(taken.map(({ bytes }) => bytes[0]?.[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // The client has not taken any of them.
    expect(readers.lentBytes).toBe(CHUNKS * CHUNK);
    for (const piece of taken) piece.release('taken');
    expect(readers.lentBytes).toBe(0);
  });

  it('of a chunk that had to be mended are those of the range too', async () => {
    const { read, rot } = await world(100 * CHUNK);
    rot(1);
    rot(2);
    const lengths: number[][] = [];
    for await (const piece of read(CHUNK + 1000, 2 * CHUNK + 10)) {
      lengths.push([piece.bytes[0]?.[0] ?? -1, piece.bytes[0]?.length ?? -1]);
      piece.release('taken');
    }
    expect(lengths).toEqual([
      [1, 24],
      [2, 10],
    ]);
  });

  it('let go of the file with their last, and when their reader leaves', async () => {
    const { read, isInUse } = await world(100 * CHUNK);
    for await (const piece of read(0, CHUNKS * CHUNK)) piece.release('taken');
    expect(await isInUse()).toBe(false);
    const reading = read(0, CHUNKS * CHUNK);
    const first = await next(reading);
    expect(await isInUse()).toBe(true);
    first.release('taken');
    await reading.return();
    expect(await isInUse()).toBe(false);
  });

  it('are not kept for a reader that left in the middle, whatever it had', async () => {
    const { read, readers } = await world(100 * CHUNK);
    const reading = read(0, CHUNKS * CHUNK);
    const first = await next(reading);
    expect(readers.lentBytes).toBe(3 * CHUNK);
    await reading.return();
    expect(readers.lentBytes).toBe(0);
    first.release('lost');
    expect(readers.lentBytes).toBe(0);
    for await (const piece of read(5, 5)) piece.release('taken');
    expect(readers.lentBytes).toBe(0);
  });

  it('come one by one to many readers that share little memory, to each whole', async () => {
    const { read, readers, cuts } = await world(3 * CHUNK);
    const whole = await Promise.all(
      Array.from({ length: 20 }, async () => {
        let bytes = 0;
        for await (const piece of read(0, CHUNKS * CHUNK)) {
          bytes += piece.bytes.reduce((sum, part) => sum + part.length, 0);
          await new Promise((resolve) => setImmediate(resolve));
          piece.release('taken');
        }
        return bytes;
      }),
    );
    expect(whole).toEqual(Array(20).fill(CHUNKS * CHUNK));
    expect([readers.lentBytes, cuts]).toEqual([0, []]);
  });

  it('are the same memory for two who read side by side, of which one leaving takes nothing from the other', async () => {
    const { read, readers, chunks } = await world(100 * CHUNK);
    const [one, other] = [read(0, CHUNKS * CHUNK), read(0, CHUNKS * CHUNK)];
    const [first, same] = await Promise.all([next(one), next(other)]);
    expect(same.bytes[0]?.buffer).toBe(first.bytes[0]?.buffer);
    await one.return();
    first.release('lost');
    expect(same.bytes[0]?.every((byte) => byte === 0)).toBe(true);
    same.release('taken');
    const rest: Piece[] = [];
    for await (const piece of other) rest.push(piece);
    expect(rest.map(({ bytes }) => bytes[0]?.[CHUNK - 1])).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const piece of rest) piece.release('taken');
    expect([readers.lentBytes, chunks.idleBytes]).toEqual([0, 0]);
  });

  it('that a broken answer had no more room for are not kept for the others of their file', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const { read, readers } = await world(100 * CHUNK);
    const staying = read(0, CHUNKS * CHUNK);
    const first = await next(staying);
    const buffers: WeakRef<ArrayBufferLike>[] = [];
    const breakAt = async (index: number) => {
      const broken = read(index * CHUNK, CHUNKS * CHUNK);
      const [bytes] = (await next(broken)).bytes;
      assert(bytes !== undefined);
      buffers.push(new WeakRef(bytes.buffer));
      // Who waits for room to write a piece throws instead, and has not released it.
      await broken.return();
    };
    for (const index of [4, 5, 6, 7]) await breakAt(index);
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(buffers.filter((buffer) => buffer.deref() !== undefined)).toEqual([]);
    first.release('taken');
    await staying.return();
    expect(readers.lentBytes).toBe(0);
  });
});
