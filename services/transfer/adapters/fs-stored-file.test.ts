import assert from 'node:assert/strict';
import { fstatSync, statSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { randomId, TRANSFER_ID_LENGTH } from '../../kernel/ids.ts';
import { FsChunkStore } from './fs-chunk-store.ts';

const CHUNK = 1024;
const GEOMETRY = { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK };
let root = '';
/** What the system was asked to put on the medium, in order, below the root. */
const synced: string[] = [];
let fails: string | null = null;

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

async function create(fileId: string) {
  const store = new FsChunkStore(root, loadNetIo({ useNative: true }), { reservedBytes: 0 });
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
