import assert from 'node:assert/strict';
import { fstatSync, statSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { getSystemErrorName } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { randomId, TRANSFER_ID_LENGTH } from '../../kernel/ids.ts';
import { FsChunkStore } from './fs-chunk-store.ts';
import { UnsyncedFiles } from './unsynced-files.ts';

const CHUNK = 1024;
const GEOMETRY = { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK };
let root = '';
/** What the system was asked to put on the medium, in order, below the root. */
const synced: string[] = [];
let fails: string | null = null;
let beforeSync: (name: string) => Promise<void> = async () => {};

/** Every descriptor of this process tells of its syncs, and does them. */
async function watchSyncs(): Promise<void> {
  const handle = await open(root, 'r');
  const descriptors = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  for (const how of ['datasync', 'sync'] as const) {
    const real = descriptors[how];
    jest.spyOn(descriptors, how).mockImplementation(async function (this: FileHandle) {
      const name = nameOf(this.fd);
      synced.push(name);
      await beforeSync(name);
      if (name === fails) throw Object.assign(new Error('the disk does not take it'), { code: 'EIO' });
      await real.call(this);
    });
  }
}

const watched = new Map<string, string>();
function nameOf(fd: number): string {
  const { ino } = fstatSync(fd);
  for (const [name, file] of watched) if (statSync(file).ino === ino) return name;
  return 'something else';
}

const storeOf = (netIo = loadNetIo({ useNative: true })) => new FsChunkStore(root, netIo, { reservedBytes: 0 });

async function create(fileId: string, store = storeOf()) {
  const stored = await store.create(fileId, GEOMETRY);
  const folder = path.join(root, 'files', fileId.slice(0, 2));
  watched.set('bytes', path.join(folder, `${fileId}.bytes`));
  watched.set('values', path.join(folder, `${fileId}.values`));
  watched.set('its folder', folder);
  watched.set('the folder of folders', path.dirname(folder));
  watched.set('the data directory', root);
  return stored;
}

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'peerlink-sync-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  synced.length = 0;
  fails = null;
  beforeSync = async () => {};
  await watchSyncs();
});
afterEach(() => void jest.restoreAllMocks());

describe('the sync of a stored file', () => {
  it('puts bytes, values and the names of both on the medium, and the names once', async () => {
    const stored = await create(randomId(TRANSFER_ID_LENGTH));
    const value = await stored.writeChunk(0, [Buffer.alloc(CHUNK, 1)]);
    await stored.commitChunk(0, value);
    expect(synced).toEqual([]);
    await stored.sync();
    expect([...synced.slice(0, 2)].sort()).toEqual(['bytes', 'values']);
    expect(synced.slice(2)).toEqual(['its folder', 'the folder of folders', 'the data directory']);
    synced.length = 0;
    await stored.sync();
    expect([...synced].sort()).toEqual(['bytes', 'values']);
    await stored.close();
  });

  it.each(['bytes', 'values', 'its folder', 'the folder of folders', 'the data directory'])(
    'fails when the disk does not take %s, and is done again from the start',
    async (what) => {
      const stored = await create(randomId(TRANSFER_ID_LENGTH));
      fails = what;
      await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
      fails = null;
      synced.length = 0;
      await stored.sync();
      expect([...synced].sort()).toEqual([
        'bytes',
        'its folder',
        'the data directory',
        'the folder of folders',
        'values',
      ]);
      await stored.close();
    },
  );

  it('is that of another file with another name', async () => {
    const [first, second] = [await create(randomId(TRANSFER_ID_LENGTH)), await create(randomId(TRANSFER_ID_LENGTH))];
    assert(first.fileId !== second.fileId);
    await first.sync();
    expect(synced.filter((name) => name === 'bytes')).toEqual([]);
    for (const stored of [first, second]) await stored.close();
  });
});

describe('a disk that has no room', () => {
  // Node has no name for a used-up quota: its number is the code.
  it.each(['ENOSPC', 'EDQUOT', getSystemErrorName(-constants.errno.EDQUOT)])(
    'is one with the code %s',
    async (code) => {
      const netIo = loadNetIo({ useNative: true });
      const full = async () => Promise.reject(Object.assign(new Error(code), { code }));
      const stored = await create(randomId(TRANSFER_ID_LENGTH), storeOf({ ...netIo, writeAndHash: full }));
      await expect(stored.writeChunk(0, [Buffer.alloc(CHUNK)])).rejects.toMatchObject({ type: 'disk_full' });
      await stored.close();
    },
  );
});

describe('a disk that fails', () => {
  const BYTES = [Buffer.alloc(CHUNK, 1)];

  it('has lost what it cannot give back, which other copies may have; any other fault is one', async () => {
    const netIo = loadNetIo({ useNative: true });
    let code = 'EIO';
    const readAndVerify = () => Promise.reject(Object.assign(new Error('not read'), { code }));
    const stored = await create(randomId(TRANSFER_ID_LENGTH), storeOf({ ...netIo, readAndVerify }));
    await stored.commitChunk(0, await stored.writeChunk(0, BYTES));
    expect(await stored.readChunk(0, Buffer.alloc(CHUNK), CHUNK)).toBe(false);
    code = 'EBADF';
    await expect(stored.readChunk(0, Buffer.alloc(CHUNK), CHUNK)).rejects.toMatchObject({ code });
    await stored.close();
  });

  it('has no chunk whose value it did not take', async () => {
    const stored = await create(randomId(TRANSFER_ID_LENGTH));
    const value = await stored.writeChunk(0, BYTES);
    const handle = await open(root, 'r');
    const descriptors = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    jest.spyOn(descriptors, 'write').mockRejectedValueOnce(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    await expect(stored.commitChunk(0, value)).rejects.toMatchObject({ type: 'disk_full' });
    expect(stored.values.has(0)).toBe(false);
    await stored.commitChunk(0, value);
    expect(stored.values.has(0)).toBe(true);
    await stored.close();
  });

  it('is given the rest of a value of which it took a part', async () => {
    const id = randomId(TRANSFER_ID_LENGTH);
    const stored = await create(id);
    const handle = await open(root, 'r');
    const descriptors = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    type Write = (bytes: Uint8Array, from: number, length: number, at: number) => Promise<unknown>;
    const write = descriptors.write as unknown as Write;
    const inParts: Write = function (this: FileHandle, bytes, from, length, at) {
      return write.call(this, bytes, from, Math.min(length, 10), at);
    };
    jest.spyOn(descriptors, 'write').mockImplementation(inParts as never);
    const value = await stored.writeChunk(1, BYTES);
    await stored.commitChunk(1, value);
    await stored.close();
    const later = await storeOf().open(id, GEOMETRY);
    expect([later?.values.get(0), later?.values.get(1)]).toEqual([null, Uint8Array.from(value)]);
    await later?.close();
  });
});

/**
 * The system tells one caller that it could not write something, and takes it for written from then on: another fdatasync
 * succeeds, and has nothing of it.
 */
describe('after a sync that failed', () => {
  const FIRST = [Buffer.alloc(CHUNK, 1)];
  const SECOND = [Buffer.alloc(CHUNK, 2)];

  /** Which chunks' bytes are given to the system, in order. */
  function watchedStore() {
    const written: number[] = [];
    const netIo = loadNetIo({ useNative: true });
    const store = storeOf({
      ...netIo,
      writeAndHash: (fd, buffers, offset, counter) => {
        written.push(offset / CHUNK);
        return netIo.writeAndHash(fd, buffers, offset, counter);
      },
    });
    return { store, written };
  }

  /** Values that the system is given from now on: their places in the list. */
  async function watchValues(): Promise<number[]> {
    const places: number[] = [];
    const handle = await open(root, 'r');
    const descriptors = Object.getPrototypeOf(handle) as { write: (...args: unknown[]) => Promise<unknown> };
    await handle.close();
    const real = descriptors.write;
    jest.spyOn(descriptors, 'write').mockImplementation(function (this: unknown, ...args: unknown[]) {
      places.push(Number(args[3]) / 32);
      return real.apply(this, args);
    });
    return places;
  }

  it.each(['bytes', 'values'])('(of the %s) all that is committed is written again before one counts', async (what) => {
    const { store, written } = watchedStore();
    const stored = await create(randomId(TRANSFER_ID_LENGTH), store);
    await stored.commitChunk(0, await stored.writeChunk(0, FIRST));
    fails = what;
    await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
    fails = null;
    written.length = 0;
    const values = await watchValues();
    await stored.sync();
    expect([written, values]).toEqual([[0], [0]]);
    await stored.sync();
    expect(written).toEqual([0]);
    await stored.close();
  });

  it('so it is when the file was closed and opened meanwhile', async () => {
    const { store, written } = watchedStore();
    const id = randomId(TRANSFER_ID_LENGTH);
    const before = await create(id, store);
    await before.commitChunk(1, await before.writeChunk(1, SECOND));
    fails = 'bytes';
    await expect(before.sync()).rejects.toMatchObject({ code: 'EIO' });
    await before.close();
    fails = null;
    written.length = 0;
    const stored = await store.open(id, GEOMETRY);
    assert(stored !== null);
    await stored.sync();
    expect(written).toEqual([1]);
    await stored.close();
  });

  it.each(['bytes', 'values'])('(of the %s) so it is in the next process, until a sync has succeeded', async (what) => {
    const id = randomId(TRANSFER_ID_LENGTH);
    const before = await create(id);
    await before.commitChunk(0, await before.writeChunk(0, FIRST));
    fails = what;
    await expect(before.sync()).rejects.toMatchObject({ code: 'EIO' });
    await before.close();
    fails = null;
    for (const expected of [[0], []]) {
      const { store, written } = watchedStore();
      const stored = await store.open(id, GEOMETRY);
      await stored?.sync();
      expect(written).toEqual(expected);
      await stored?.close();
    }
  });

  it('the next process does not call stored what the disk has lost meanwhile', async () => {
    const id = randomId(TRANSFER_ID_LENGTH);
    const before = await create(id);
    await before.commitChunk(0, await before.writeChunk(0, FIRST));
    fails = 'bytes';
    await expect(before.sync()).rejects.toMatchObject({ code: 'EIO' });
    await before.close();
    fails = null;
    const file = await open(path.join(root, 'files', id.slice(0, 2), `${id}.bytes`), 'r+');
    await file.write(Buffer.alloc(CHUNK), 0, CHUNK, 0);
    await file.close();
    const stored = await storeOf().open(id, GEOMETRY);
    await expect(stored?.sync()).rejects.toMatchObject({ type: 'damaged' });
    await stored?.close();
  });

  it('a file that is removed or set aside leaves no mark', async () => {
    for (const how of ['remove', 'setAside'] as const) {
      const id = randomId(TRANSFER_ID_LENGTH);
      const stored = await create(id);
      fails = 'bytes';
      await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
      fails = null;
      await stored.close();
      expect(await readdir(path.join(root, 'unsynced'))).toContain(id);
      await storeOf()[how](id);
      expect(await readdir(path.join(root, 'unsynced'))).not.toContain(id);
    }
  });

  it('a mark that the disk does not take is reported, and made when the next sync fails', async () => {
    const folder = await mkdtemp(path.join(root, 'no-mark-'));
    await writeFile(path.join(folder, 'unsynced'), 'no folder');
    const faults: string[] = [];
    const onFault = (what: string) => void faults.push(what);
    const unsynced = new UnsyncedFiles(folder, onFault);
    await unsynced.add('someFile12');
    expect([unsynced.has('someFile12'), faults.length]).toEqual([true, 1]);
    expect(faults[0]).toContain('someFile12');
    await rm(path.join(folder, 'unsynced'));
    await unsynced.add('someFile12');
    expect([await readdir(path.join(folder, 'unsynced')), faults.length]).toEqual([['someFile12'], 1]);
  });

  it('a chunk that was written before it and not committed is refused, until it comes again', async () => {
    const stored = await create(randomId(TRANSFER_ID_LENGTH));
    const value = await stored.writeChunk(0, FIRST);
    fails = 'bytes';
    await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
    fails = null;
    // Its own writer's sync comes later, and the system has nothing to say against it.
    await stored.sync();
    await expect(stored.commitChunk(0, value)).rejects.toMatchObject({ code: 'EIO' });
    expect(stored.values.has(0)).toBe(false);
    const again = await stored.writeChunk(0, FIRST);
    await stored.sync();
    await stored.commitChunk(0, again);
    expect(stored.values.has(0)).toBe(true);
    await stored.close();
  });

  it('what the disk does not give back either is not called stored', async () => {
    const id = randomId(TRANSFER_ID_LENGTH);
    const stored = await create(id);
    await stored.commitChunk(0, await stored.writeChunk(0, FIRST));
    fails = 'bytes';
    await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
    fails = null;
    const file = await open(path.join(root, 'files', id.slice(0, 2), `${id}.bytes`), 'r+');
    await file.write(Buffer.alloc(4), 0, 4, 100);
    await file.close();
    for (let tries = 0; tries < 2; tries += 1) await expect(stored.sync()).rejects.toMatchObject({ type: 'damaged' });
    // Its bytes came from another copy.
    await stored.writeChunk(0, FIRST);
    await stored.sync();
    await stored.close();
  });

  it('what was being committed meanwhile is written again too, however late the next sync finds it', async () => {
    const netIo = loadNetIo({ useNative: true });
    const written: number[] = [];
    let letGo: () => void = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const store = storeOf({
      ...netIo,
      writeAndHash: (fd, buffers, offset, counter) => {
        written.push(offset / CHUNK);
        return netIo.writeAndHash(fd, buffers, offset, counter);
      },
      writeHashAndRecord: async (...args) => {
        const value = await netIo.writeHashAndRecord(...args);
        await held;
        return value;
      },
    });
    const stored = await create(randomId(TRANSFER_ID_LENGTH), store);
    const committing = stored.writeAndCommitChunk(1, SECOND);
    fails = 'bytes';
    await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
    fails = null;
    const syncing = stored.sync();
    const late = setTimeout(letGo, 100);
    await Promise.all([syncing, committing]);
    clearTimeout(late);
    await stored.sync();
    expect(written).toEqual([1]);
    await stored.close();
  });

  it('everybody whose bytes it had is told: one runs at a time, and who comes meanwhile shares the next', async () => {
    const stored = await create(randomId(TRANSFER_ID_LENGTH));
    let runningCount = 0;
    let most = 0;
    let letGo: () => void = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    beforeSync = async (name) => {
      if (name !== 'bytes') return;
      runningCount += 1;
      most = Math.max(most, runningCount);
      await held;
      runningCount -= 1;
    };
    const first = stored.sync();
    while (runningCount === 0) await new Promise((resolve) => setImmediate(resolve));
    const later = [stored.sync(), stored.sync()];
    fails = 'values';
    for (const one of later) one.catch(() => {});
    letGo();
    await first.catch(() => {});
    for (const one of later) await expect(one).rejects.toMatchObject({ code: 'EIO' });
    expect(most).toBe(1);
    expect(synced.filter((name) => name === 'bytes')).toHaveLength(2);
    await stored.close();
  });

  it('a chunk that is dropped while all is written again stays dropped', async () => {
    const id = randomId(TRANSFER_ID_LENGTH);
    const netIo = loadNetIo({ useNative: true });
    let gate: Promise<void> | null = null;
    let begun: () => void = () => {};
    const store = storeOf({
      ...netIo,
      writeAndHash: async (...args) => {
        if (gate !== null) begun();
        await gate;
        return netIo.writeAndHash(...args);
      },
    });
    const stored = await create(id, store);
    for (const [index, bytes] of [FIRST, SECOND].entries())
      await stored.commitChunk(index, await stored.writeChunk(index, bytes));
    fails = 'bytes';
    await expect(stored.sync()).rejects.toMatchObject({ code: 'EIO' });
    fails = null;
    let letGo: () => void = () => {};
    gate = new Promise((resolve) => (letGo = resolve));
    const writing = new Promise<void>((resolve) => (begun = resolve));
    const syncing = stored.sync();
    await writing;
    let isDropped = false;
    const dropping = Promise.all([stored.dropChunk(0), stored.dropChunk(1)]).then(() => (isDropped = true));
    // Long enough for a write that waits for nothing.
    for (let turn = 0; turn < 100 && !isDropped; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    letGo();
    await Promise.all([dropping, syncing]);
    await stored.close();
    const again = await store.open(id, GEOMETRY);
    expect(again?.values.count).toBe(0);
    await again?.close();
  });
});
