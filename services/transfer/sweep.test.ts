import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { OpenFiles } from './open-files.ts';
import { type SweepPorts, sweepStore } from './sweep.ts';

const netIo = loadNetIo({ useNative: true });
const FIVE_BYTES = { chunkSizeBytes: 1024, sizeBytes: 5 };

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
    await (await store.create(fileId, FIVE_BYTES)).close();
  };
  const open = async (id: string, fileIds: readonly string[], expiresInSeconds = 3600) => {
    const files = fileIds.map((fileId) => ({ id: fileId, ...FIVE_BYTES }));
    await insertTransfer(repository, { id, files, expiresInSeconds });
    for (const fileId of fileIds) await stored(fileId);
  };
  const openFiles = new OpenFiles(() => {});
  const asked: string[] = [];
  let confirmed: (transferId: string) => Promise<number | null> = async () => null;
  const sweep = (changes: Partial<SweepPorts> = {}) =>
    sweepStore({
      nodeId: 'node-a',
      store,
      repository,
      confirm: ({ transferId, homeNodeId }) => {
        asked.push(`${homeNodeId} ${transferId}`);
        return confirmed(transferId);
      },
      whileUnused: (fileId, act) => openFiles.whileUnused(fileId, act),
      isClosed: () => false,
      ...changes,
    });
  const homesSay = (say: typeof confirmed) => {
    confirmed = say;
  };
  return { time, repository, store, stored, open, asides, openFiles, sweep, asked, homesSay };
}

afterEach(() => void jest.useRealTimers());

describe('the sweep', () => {
  it('removes what a row says is over, sets aside what no row names, and leaves the rest', async () => {
    const { repository, store, stored, open, asides, sweep } = world();
    await open('live', ['live-1', 'live-2']);
    await open('over', ['over-1', 'over-2']);
    await repository.end('over', 'deleted');
    await stored('stranger');
    const report = { removedCount: 2, releasedCount: 0, setAsideCount: 1, purgedCount: 0 };
    expect(await sweep()).toEqual(report);
    expect(await sweep()).toEqual({ ...report, removedCount: 0, setAsideCount: 0 });
    expect([...store.files.keys()].sort()).toEqual(['live-1', 'live-2']);
    expect(asides).toEqual(['stranger']);
  });

  it('looks at nothing more once the node stops: a large store takes longer than a stop may', async () => {
    const { repository, store, open, stored, sweep } = world();
    await open('over', ['over-1', 'over-2', 'over-3']);
    await repository.end('over', 'deleted');
    await stored('stranger');
    let isClosed = false;
    const remove = store.remove.bind(store);
    store.remove = async (fileId) => {
      isClosed = true;
      await remove(fileId);
    };
    const report = await sweep({ isClosed: () => isClosed });
    expect(report).toEqual({ removedCount: 1, releasedCount: 0, setAsideCount: 0, purgedCount: 0 });
    expect(store.files.size).toBe(3);
  });

  it('keeps what no row names for seven days, as long as a backup of the rows may take to come back', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    const { stored, sweep } = world();
    await stored('stranger');
    expect(await sweep()).toMatchObject({ setAsideCount: 1, purgedCount: 0 });
    jest.setSystemTime(Date.now() + 7 * 24 * 3_600_000);
    expect(await sweep()).toMatchObject({ setAsideCount: 0, purgedCount: 0 });
    jest.setSystemTime(Date.now() + 1_000);
    expect(await sweep()).toMatchObject({ purgedCount: 1 });
  });

  it('touches nothing while the database cannot say', async () => {
    const { repository, store, open, sweep } = world();
    await open('over', ['over-1']);
    await repository.end('over', 'deleted');
    repository.isUp = false;
    await expect(sweep()).rejects.toMatchObject({ type: 'unavailable' });
    expect(store.files.size).toBe(1);
  });

  it('asks about many files in few queries', async () => {
    const { repository, open, sweep } = world();
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
    expect((await sweep({ repository: counting })).removedCount).toBe(0);
    expect(queries).toBe(3);
  });
});

describe('the sweep of copies that no row names', () => {
  /** Transfers whose home and replica are other nodes; this one has a copy of before. */
  async function moved(ids: readonly string[]) {
    const all = world();
    for (const id of ids) {
      await all.open(id, [`${id}-1`, `${id}-2`]);
      const change = { homeNodeId: 'node-b', replicaNodeId: 'node-c', replicaState: 'in_sync' } as const;
      await all.repository.cas(id, 1, change);
    }
    return all;
  }

  it('keeps them until their home confirms that it can do without', async () => {
    const { sweep, asked, store, homesSay } = await moved(['x', 'y']);
    homesSay(async () => null);
    expect((await sweep()).releasedCount).toBe(0);
    homesSay(() => Promise.reject(new Error('away')));
    asked.length = 0;
    expect((await sweep()).releasedCount).toBe(0);
    // Both have one home: when it is silent, it is not waited for again.
    expect(asked).toHaveLength(1);
    expect(store.files.size).toBe(4);
    asked.length = 0;
    homesSay(async (id) => (id === 'x' ? 2 : null));
    expect(await sweep()).toMatchObject({ releasedCount: 2, removedCount: 0, setAsideCount: 0 });
    expect([...store.files.keys()].sort()).toEqual(['y-1', 'y-2']);
    // Once a transfer, however many files it has.
    expect(asked.sort()).toEqual(['node-b x', 'node-b y']);
  });

  it('never asks for, nor removes, what the row names this node for', async () => {
    const { sweep, asked, store, open, repository, homesSay } = world();
    homesSay(async () => 2);
    await open('home', ['h']);
    await open('replica', ['r']);
    const change = { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'syncing' } as const;
    await repository.cas('replica', 1, change);
    expect(await sweep()).toEqual({ removedCount: 0, releasedCount: 0, setAsideCount: 0, purgedCount: 0 });
    expect([...store.files.keys()].sort()).toEqual(['h', 'r']);
    expect(asked).toEqual([]);
  });

  it('keeps a copy whose row changed after the home had confirmed: this node may be its replica now', async () => {
    const { sweep, store, repository, homesSay } = await moved(['x']);
    homesSay(async () => {
      await repository.cas('x', 2, { replicaNodeId: 'node-a', replicaState: 'syncing' });
      return 2;
    });
    expect((await sweep()).releasedCount).toBe(0);
    expect(store.files.size).toBe(2);
  });

  it('keeps a copy where the home has lost another since it confirmed', async () => {
    const { sweep, store, repository, homesSay } = await moved(['x']);
    homesSay(async () => {
      await repository.cas('x', 2, { replicaNodeId: null, replicaState: 'none' });
      return 2;
    });
    expect((await sweep()).releasedCount).toBe(0);
    expect(store.files.size).toBe(2);
  });

  it('keeps a copy that somebody reads, and lets nobody open one while it goes', async () => {
    const { sweep, store, openFiles, repository, homesSay } = await moved(['x']);
    const open = (fileId: string) => openFiles.use(fileId, () => store.open(fileId, FIVE_BYTES));
    const use = await open('x-1');
    homesSay(async () => 2);
    let late: Promise<unknown> | undefined;
    const slow = new Proxy(repository, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as (ids: readonly string[]) => unknown;
        return async (ids: readonly string[]) => {
          if (ids.length === 1) late = open('x-2');
          return value.call(target, ids);
        };
      },
    });
    expect((await sweep({ repository: slow })).releasedCount).toBe(1);
    expect([...store.files.keys()]).toEqual(['x-1']);
    expect(await late).toBeNull();
    use?.release();
    expect((await sweep()).releasedCount).toBe(1);
    expect(store.files.size).toBe(0);
  });
});
