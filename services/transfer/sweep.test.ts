import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore, MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { ENDED_ROW_KEPT_MS } from '../contracts/limits.ts';
import type { NewFile, NewTransfer } from './ports.ts';
import { expireRows, sweepStore } from './sweep.ts';

const netIo = loadNetIo({ useNative: true });

function world() {
  const time = { nowMs: Date.UTC(2026, 0, 1) };
  const repository = new MemoryTransferRepository(() => time.nowMs);
  const asides: string[] = [];
  class Store extends MemoryChunkStore {
    override async setAside(fileId: string): Promise<void> {
      asides.push(fileId);
      await super.setAside(fileId);
    }
  }
  const store = new Store(netIo);
  const stored = async (fileId: string) => {
    await (await store.create(fileId, { chunkSizeBytes: 1024, sizeBytes: 5 })).close();
  };
  const open = async (id: string, fileIds: readonly string[], expiresInSeconds = 3600) => {
    const row = {
      id,
      shareId: `share-${id}`,
      kind: 'share',
      homeNodeId: 'node-a',
      sessionId: null,
      ownerAddress: 'x',
      uploadTokenHash: new Uint8Array(32),
      passwordHash: null,
      maxDownloads: null,
      senderName: null,
      idempotencyKey: null,
      requestHash: null,
    } satisfies NewTransfer;
    const files = fileIds.map(
      (fileId, index): NewFile => ({
        id: fileId,
        index,
        path: fileId,
        sizeBytes: 5,
        chunkSizeBytes: 1024,
        digest: null,
        expectedDigest: null,
        mediaType: null,
        lastModifiedMs: null,
      }),
    );
    await repository.insert(row, files, { maxOpen: 1e6, expiresInSeconds });
    for (const fileId of fileIds) await stored(fileId);
  };
  return { time, repository, store, stored, open, asides };
}

describe('the sweep', () => {
  it('removes what a row says is over, sets aside what no row names, and leaves the rest', async () => {
    const { repository, store, stored, open, asides } = world();
    await open('live', ['live-1', 'live-2']);
    await open('over', ['over-1', 'over-2']);
    await repository.end('over', 'deleted');
    await stored('stranger');
    expect(await sweepStore(store, repository)).toEqual({ removedCount: 2, setAsideCount: 1, purgedCount: 0 });
    expect([...store.files.keys()].sort()).toEqual(['live-1', 'live-2']);
    expect(asides).toEqual(['stranger']);
  });

  it('touches nothing while the database cannot say', async () => {
    const { repository, store, open } = world();
    await open('over', ['over-1']);
    await repository.end('over', 'deleted');
    repository.isUp = false;
    await expect(sweepStore(store, repository)).rejects.toMatchObject({ type: 'unavailable' });
    expect(store.files.size).toBe(1);
  });

  it('asks about many files in few queries', async () => {
    const { repository, store, open } = world();
    await open(
      'many',
      Array.from({ length: 1201 }, (_, index) => `file-${index}`),
    );
    let queries = 0;
    const counting = new Proxy(repository, {
      get: (target, name) => {
        if (name === 'fateOfFiles') queries += 1;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect((await sweepStore(store, counting)).removedCount).toBe(0);
    expect(queries).toBe(3);
  });
});

describe('the expiry of rows', () => {
  it('ends what is over in time, and forgets ended rows after their 30 days', async () => {
    const { time, repository, open } = world();
    await open('short', ['a'], 10);
    await open('left', ['b'], 1e6);
    await open('long', ['c'], 1e7);
    await repository.touch(['long']);
    time.nowMs += 11_000;
    expect(await expireRows(repository, 7200)).toEqual(['short']);
    time.nowMs += 7_200_000;
    await repository.touch(['long']);
    expect(await expireRows(repository, 7200)).toEqual(['left']);
    expect((await repository.findById('short'))?.transfer.endReason).toBe('expired');
    expect((await repository.findById('left'))?.transfer.endReason).toBe('aborted');
    time.nowMs += ENDED_ROW_KEPT_MS - 7_200_000 - 1;
    await repository.touch(['long']);
    await expireRows(repository, 1e9);
    expect(await repository.findById('short')).not.toBeNull();
    time.nowMs += 7_200_002;
    await expireRows(repository, 1e9);
    expect(await repository.findById('short')).toBeNull();
    expect(await repository.findById('left')).toBeNull();
  });
});
