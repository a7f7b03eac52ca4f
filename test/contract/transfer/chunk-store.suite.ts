import { expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import type { ChunkStore, FileGeometry, StoredFile } from '../../../services/transfer/ports.ts';
import { patternBytes } from '../../support/files.ts';
import { cutAt } from '../../support/fuzz.ts';

/** A store as the suite meets it: the same bytes below, whichever instance looks at them. */
export interface ChunkStoreHarness {
  /** A store over the harness's place; each call makes another instance, as a process started later would. */
  open(): ChunkStore;
  /** Changes one stored byte of a file behind the store's back. */
  damage(fileId: string, offset: number): Promise<void>;
  /** Cuts a file's stored bytes behind the store's back. */
  cut(fileId: string, sizeBytes: number): Promise<void>;
}

const CHUNK = 16_384;
let made = 0;
/** Ids as the server makes them, none twice. */
const freshId = (): string => `Testfi1e${String(++made).replaceAll('0', 'x').padStart(14, 'z')}`;

const sizesAtSeams = [
  1,
  1023,
  1024,
  1025,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  2 * CHUNK,
  3 * CHUNK + 5,
  5 * CHUNK,
  7 * CHUNK + 1,
];

function chunksOf(content: Buffer): { index: number; bytes: Buffer }[] {
  const chunks = [];
  for (let at = 0; at < content.length; at += CHUNK) {
    chunks.push({ index: at / CHUNK, bytes: content.subarray(at, at + CHUNK) });
  }
  return chunks;
}

async function store(stored: StoredFile, index: number, bytes: Uint8Array): Promise<void> {
  await stored.commitChunk(index, await stored.writeChunk(index, [bytes]));
}

async function readBack(stored: StoredFile, index: number, lengthBytes: number): Promise<Buffer | null> {
  const buffer = Buffer.alloc(CHUNK, 0xee);
  return (await stored.readChunk(index, buffer, lengthBytes)) ? buffer.subarray(0, lengthBytes) : null;
}

/** Jest compares buffers byte by byte in JavaScript: half a second a chunk. */
function expectBytes(found: Buffer | null, wanted: Buffer): void {
  expect(found?.equals(wanted)).toBe(true);
}

/** What every ChunkStore does, whatever it stands on and whoever hashes for it. */
export function describeChunkStore(make: () => ChunkStoreHarness): void {
  const geometryOf = (content: Buffer): FileGeometry => ({ chunkSizeBytes: CHUNK, sizeBytes: content.length });

  it('holds nothing of a file nobody made', async () => {
    const chunkStore = make().open();
    expect(await chunkStore.open(freshId(), { chunkSizeBytes: CHUNK, sizeBytes: 5 })).toBeNull();
    await chunkStore.remove(freshId());
    await chunkStore.setAside(freshId());
  });

  it.each(sizesAtSeams)('gives back a file of %d bytes stored in any order, and its BLAKE3', async (size) => {
    const content = patternBytes('store', 0, size);
    const stored = await make().open().create(freshId(), geometryOf(content));
    const chunks = chunksOf(content);
    for (const { index, bytes } of chunks.toReversed()) {
      expect(stored.values.has(index)).toBe(false);
      await store(stored, index, bytes);
    }
    expect(stored.values.count).toBe(chunks.length);
    expect(stored.values.ranges()).toEqual([[0, chunks.length]]);
    for (const { index, bytes } of chunks) expectBytes(await readBack(stored, index, bytes.length), bytes);
    expect(Buffer.from(await stored.root(size))).toEqual(Buffer.from(blake3(content)));
    await stored.close();
  });

  it('knows the digest of a file without bytes', async () => {
    const stored = await make().open().create(freshId(), { chunkSizeBytes: CHUNK, sizeBytes: 0 });
    expect(Buffer.from(await stored.root(0))).toEqual(Buffer.from(blake3(new Uint8Array())));
    await stored.close();
  });

  it('takes a chunk as one buffer or as many of any lengths, and hashes without writing alike', async () => {
    const content = patternBytes('parts', 0, 2 * CHUNK);
    const stored = await make().open().create(freshId(), geometryOf(content));
    const second = content.subarray(CHUNK);
    const value = await stored.writeChunk(1, cutAt(second, [1, 1000, 1024, 1025, 9999]));
    expect(await stored.hashChunk(1, [second])).toEqual(value);
    await stored.commitChunk(1, value);
    expectBytes(await readBack(stored, 1, CHUNK), second);
    await stored.close();
  });

  it('reads a chunk obfuscated for another node, verified by what is stored', async () => {
    const content = patternBytes('hidden', 0, 2 * CHUNK);
    const stored = await make().open().create(freshId(), geometryOf(content));
    await store(stored, 1, content.subarray(CHUNK));
    const buffer = Buffer.alloc(CHUNK);
    const hiding = { key: patternBytes('key', 0, 32), streamOffset: 5 };
    expect(await stored.readChunk(1, buffer, CHUNK, hiding)).toBe(true);
    const shown = Buffer.from(buffer.map((byte, index) => byte ^ (hiding.key[(index + 5) % 32] ?? 0)));
    expectBytes(shown, content.subarray(CHUNK));
    expect(buffer.equals(content.subarray(CHUNK))).toBe(false);
    await stored.close();
  });

  it('writes and commits a chunk in one step, also for a store opened later', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('at once', 0, 2 * CHUNK);
    const stored = await harness.open().create(id, geometryOf(content));
    const second = content.subarray(CHUNK);
    const value = await stored.writeAndCommitChunk(1, cutAt(second, [1, 4096]));
    expect(stored.values.get(1)).toEqual(await stored.hashChunk(1, [second]));
    expect(value).toEqual(stored.values.get(1));
    const first = content.subarray(0, CHUNK);
    expect(await stored.writeAndCommitChunk(0, [first], value)).toEqual(await stored.hashChunk(0, [first]));
    expect(stored.values.ranges()).toEqual([[1, 2]]);
    const expected = await stored.hashChunk(0, [first]);
    expect(await stored.writeAndCommitChunk(0, [first], expected)).toEqual(expected);
    // In memory too: a replica that does not know what it has would tell its home that it has nothing.
    expect(stored.values.get(0)).toEqual(expected);
    await stored.close();
    const later = await harness.open().open(id, geometryOf(content));
    expect(later?.values.ranges()).toEqual([[0, 2]]);
    expectBytes(later && (await readBack(later, 1, CHUNK)), second);
    await later?.close();
    await expect(stored.writeAndCommitChunk(0, [content.subarray(0, CHUNK)])).rejects.toMatchObject({
      type: 'unavailable',
    });
  });

  it('has a chunk only once it is committed, also for a store opened later', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('commit', 0, 2 * CHUNK);
    const stored = await harness.open().create(id, geometryOf(content));
    await stored.writeChunk(0, [content.subarray(0, CHUNK)]);
    await store(stored, 1, content.subarray(CHUNK));
    expect(stored.values.ranges()).toEqual([[1, 2]]);
    await expect(readBack(stored, 0, CHUNK)).rejects.toThrow('before it was committed');
    await stored.close();
    const later = await harness.open().open(id, geometryOf(content));
    expect(later?.values.ranges()).toEqual([[1, 2]]);
    expectBytes(later && (await readBack(later, 1, CHUNK)), content.subarray(CHUNK));
    await later?.close();
  });

  it('forgets a dropped chunk for good, and takes it again', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('drop', 0, 3 * CHUNK);
    const stored = await harness.open().create(id, geometryOf(content));
    for (const { index, bytes } of chunksOf(content)) await store(stored, index, bytes);
    await stored.dropChunk(1);
    await stored.dropChunk(1);
    expect(stored.values.has(1)).toBe(false);
    expect(stored.values.count).toBe(2);
    await stored.close();
    const later = await harness.open().create(id, geometryOf(content));
    expect(later.values.ranges()).toEqual([
      [0, 1],
      [2, 3],
    ]);
    await store(later, 1, content.subarray(CHUNK, 2 * CHUNK));
    expect(Buffer.from(await later.root(content.length))).toEqual(Buffer.from(blake3(content)));
    await later.close();
  });

  it('finds every damaged byte of a chunk it looks at, and only in the chunk that has it', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('damage', 0, 2 * CHUNK + 100);
    const stored = await harness.open().create(id, geometryOf(content));
    for (const { index, bytes } of chunksOf(content)) await store(stored, index, bytes);
    for (const offset of [CHUNK, CHUNK + 1023, 2 * CHUNK - 1]) {
      await harness.damage(id, offset);
      expectBytes(await readBack(stored, 0, CHUNK), content.subarray(0, CHUNK));
      expect(await readBack(stored, 1, CHUNK)).toBeNull();
      expectBytes(await readBack(stored, 2, 100), content.subarray(2 * CHUNK));
      await harness.damage(id, offset);
      expectBytes(await readBack(stored, 1, CHUNK), content.subarray(CHUNK, 2 * CHUNK));
    }
    await stored.close();
  });

  it('takes bytes that end early for damage', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('short', 0, 2 * CHUNK);
    const stored = await harness.open().create(id, geometryOf(content));
    for (const { index, bytes } of chunksOf(content)) await store(stored, index, bytes);
    await harness.cut(id, 2 * CHUNK - 1);
    expectBytes(await readBack(stored, 0, CHUNK), content.subarray(0, CHUNK));
    expect(await readBack(stored, 1, CHUNK)).toBeNull();
    await harness.cut(id, 0);
    expect(await readBack(stored, 0, CHUNK)).toBeNull();
    await stored.close();
  });

  it('does not give the digest of a one-chunk file whose bytes are damaged', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('one', 0, 500);
    const stored = await harness.open().create(id, geometryOf(content));
    await store(stored, 0, content);
    await harness.damage(id, 250);
    await expect(stored.root(500)).rejects.toMatchObject({ type: 'damaged' });
    await stored.close();
  });

  it('removes a file with its values, and can make it anew', async () => {
    const harness = make();
    const chunkStore = harness.open();
    const id = freshId();
    const content = patternBytes('remove', 0, CHUNK);
    const stored = await chunkStore.create(id, geometryOf(content));
    await store(stored, 0, content);
    await stored.close();
    await chunkStore.remove(id);
    await chunkStore.remove(id);
    expect(await chunkStore.open(id, geometryOf(content))).toBeNull();
    const anew = await chunkStore.create(id, geometryOf(content));
    expect(anew.values.count).toBe(0);
    await anew.close();
  });

  it('lists what has bytes, not what was removed or set aside; what was set aside is purged when it is old', async () => {
    const harness = make();
    const chunkStore = harness.open();
    const ids = [freshId(), freshId(), freshId()] as const;
    const listed = async () => {
      const found: string[] = [];
      for await (const id of chunkStore.list()) if ((ids as readonly string[]).includes(id)) found.push(id);
      return found.sort();
    };
    const content = patternBytes('list', 0, 10);
    for (const id of ids) {
      const stored = await chunkStore.create(id, geometryOf(content));
      await store(stored, 0, content);
      await stored.close();
    }
    expect(await listed()).toEqual([...ids].sort());
    await chunkStore.remove(ids[0]);
    await chunkStore.setAside(ids[1]);
    expect(await listed()).toEqual([ids[2]]);
    expect(await chunkStore.open(ids[1], geometryOf(content))).toBeNull();
    expect(await chunkStore.purgeSetAside(3_600_000)).toBe(0);
    expect(await chunkStore.purgeSetAside(-1_000)).toBeGreaterThan(0);
    expect(await chunkStore.purgeSetAside(-1_000)).toBe(0);
  });

  it('closes after the jobs in flight, and refuses later ones', async () => {
    const harness = make();
    const id = freshId();
    const content = patternBytes('close', 0, 8 * CHUNK);
    const stored = await harness.open().create(id, geometryOf(content));
    const jobs = chunksOf(content).map(({ index, bytes }) => stored.writeChunk(index, [bytes]));
    const closing = stored.close();
    const values = await Promise.all(jobs);
    await closing;
    await stored.close();
    expect(values).toHaveLength(8);
    await expect(stored.writeChunk(0, [content.subarray(0, CHUNK)])).rejects.toMatchObject({ type: 'unavailable' });
    await expect(stored.commitChunk(0, values[0] ?? Buffer.alloc(32))).rejects.toMatchObject({ type: 'unavailable' });
    await expect(stored.sync()).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('syncs what it has', async () => {
    const stored = await make().open().create(freshId(), { chunkSizeBytes: CHUNK, sizeBytes: CHUNK });
    await store(stored, 0, patternBytes('sync', 0, CHUNK));
    await stored.sync();
    await stored.sync();
    await stored.close();
  });

  it('takes many chunks at once', async () => {
    const content = patternBytes('many', 0, 60 * CHUNK + 77);
    const stored = await make().open().create(freshId(), geometryOf(content));
    await Promise.all(chunksOf(content).map(({ index, bytes }) => store(stored, index, bytes)));
    expect(Buffer.from(await stored.root(content.length))).toEqual(Buffer.from(blake3(content)));
    await stored.close();
  });

  it('knows how much room there is', async () => {
    const { freeBytes, totalBytes } = await make().open().freeBytes();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
}
