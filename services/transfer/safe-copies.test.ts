import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Context, Service, ServiceSchema } from 'moleculer';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { FileGeometry, OwnershipChange, StoredFile } from './ports.ts';
import { isSafeAtHome } from './safe-copies.ts';
import { type TransferServiceDeps, transferService } from './transfer.service.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const GEOMETRY = { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK };
const IN_SYNC = { replicaNodeId: 'node-b', replicaState: 'in_sync' } as const;

/** The home, `node-a`, of transfers whose replica is `node-b`; `node-x` has a copy that no row names, and asks. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  onOpen: () => Promise<void> = async () => {};
  readonly store = this.#store();
  engine = this.engineOf('node-a', this.store);

  engineOf(nodeId: string, store: MemoryChunkStore, isDiskTrusted = true): TransferEngine {
    return memoryEngine({ nodeId, repository: this.repository, store, nowMs: Date.now, isDiskTrusted });
  }

  /** The node's own service, with what its sweep and its answer to another's need. */
  service(engine: TransferEngine, store: MemoryChunkStore, call: TransferServiceDeps['call']) {
    const nothing = async () => {};
    const { repository } = this;
    return transferService({
      ...{ engine, store, repository, call, replicationFactor: 2, uploadTtlSeconds: 7_200, isDiskTrusted: true },
      directUpkeep: { report: nothing },
      scrub: { turn: nothing, stop: () => {} },
      leaderTerm: () => null,
      goneNodeIds: async () => [],
      takeOver: nothing,
      onCounted: () => {},
      boot: null,
      onRecovered: nothing,
      onFault: () => {},
    } as unknown as TransferServiceDeps);
  }

  /** Two files of two chunks: the first is whole here, the second has `stored` of its chunks. */
  async transfer(stored: readonly number[], ownership: OwnershipChange = IN_SYNC) {
    const inserted = await insertTransfer(this.repository, { files: [GEOMETRY, GEOMETRY], ownership });
    const { id } = inserted.transfer;
    const transfer = await this.engine.load(id);
    for (const [fileIndex, indices] of [[0, 1], stored].entries()) {
      for (const index of indices) {
        const chunk = { index, bytes: [Buffer.alloc(CHUNK, 1 + index)] };
        await this.engine.writeChunk(transfer, transfer.file(fileIndex), chunk);
      }
      await this.engine.sealWhenComplete(transfer, transfer.file(fileIndex)).catch(() => {});
    }
    return { id, lastFileId: inserted.files[1]?.id ?? '', row: () => transfer.row };
  }

  /** All files are closed and what was looked up of them is forgotten, as after some minutes. */
  async forgetAll(): Promise<void> {
    for (const transfer of [...this.engine.running()]) await this.engine.forget(transfer);
  }

  asks(transferId: string, replicationFactor: 1 | 2 = 2): Promise<number | null> {
    return isSafeAtHome(this.engine, transferId, replicationFactor);
  }

  #store(): MemoryChunkStore {
    const beforeOpen = () => this.onOpen();
    return new (class extends MemoryChunkStore {
      override async open(fileId: string, geometry: FileGeometry): Promise<StoredFile | null> {
        await beforeOpen();
        return super.open(fileId, geometry);
      }
    })(netIo);
  }
}

/** Moleculer's part of a service's life. */
function lifeOf(schema: ServiceSchema, step: 'started' | 'stopped'): Promise<void> {
  const act = schema[step] as (this: Service) => Promise<void>;
  return act.call({} as Service);
}

describe('a home that is asked whether a copy beside it can go', () => {
  it('says under which epoch, once as many nodes as asked for hold everything', async () => {
    const world = new World();
    const { id, row } = await world.transfer([0, 1]);
    expect(row()).toMatchObject({ state: 'sealed', replicaState: 'in_sync' });
    expect(await world.asks(id)).toBe(row().epoch);
    await world.forgetAll();
    expect(await world.asks(id)).toBe((await world.repository.findById(id))?.transfer.epoch);
    // Of one that grows, what there is so far is what its replica in sync has.
    const open = await world.transfer([0]);
    expect(open.row().state).toBe('open');
    expect(await world.asks(open.id)).toBe(open.row().epoch);
  });

  it.each([
    ['no replica', { replicaNodeId: null, replicaState: 'none' }],
    ['a replica that is being filled', { replicaNodeId: 'node-b', replicaState: 'syncing' }],
  ] as const)('says no with %s, unless one copy was asked for', async (_what, ownership) => {
    const world = new World();
    const { id, row } = await world.transfer([0, 1], ownership);
    expect(await world.asks(id)).toBeNull();
    expect(await world.asks(id, 1)).toBe(row().epoch);
  });

  it('says no while it lacks a chunk of a sealed file, or one of its values is not what was sealed', async () => {
    const world = new World();
    const { id, lastFileId, row } = await world.transfer([0, 1]);
    const stored = world.store.files.get(lastFileId);
    const value = stored?.values.get(1) ?? new Uint8Array(0);
    for (const factor of [1, 2] as const) {
      await world.forgetAll();
      stored?.values.drop(1);
      expect(await world.asks(id, factor)).toBeNull();
      stored?.values.set(1, new Uint8Array(32).fill(9));
      expect(await world.asks(id, factor)).toBeNull();
      stored?.values.set(1, value);
      expect(await world.asks(id, factor)).toBe(row().epoch);
    }
    await world.forgetAll();
    world.store.files.delete(lastFileId);
    expect(await world.asks(id, 1)).toBeNull();
  });

  it('goes by the row as it is now: not once the transfer is over, or has another home', async () => {
    const world = new World();
    const [ended, moved, lost] = [
      await world.transfer([0, 1]),
      await world.transfer([0, 1]),
      await world.transfer([0]),
    ];
    await world.repository.end(ended.id, 'deleted');
    await world.repository.cas(moved.id, moved.row().epoch, { homeNodeId: 'node-b', replicaNodeId: 'node-a' });
    await world.repository.cas(lost.id, lost.row().epoch, { replicaNodeId: null, replicaState: 'none' });
    expect(await world.asks(ended.id)).toBeNull();
    expect(await world.asks(moved.id)).toBeNull();
    expect(await world.asks(lost.id)).toBeNull();
    await expect(world.asks('unknown')).rejects.toMatchObject({ type: 'not_found' });
  });

  it('says no when the row changed while it looked, also to one that would do', async () => {
    const world = new World();
    const { id, row } = await world.transfer([0, 1]);
    await world.forgetAll();
    const transfer = await world.engine.load(id);
    let changeCount = 0;
    world.onOpen = async () => {
      if (changeCount > 0) return;
      changeCount += 1;
      await world.repository.cas(id, row().epoch, { replicaNodeId: 'node-c', replicaState: 'in_sync' });
      await world.engine.reread(transfer);
    };
    expect(await world.asks(id)).toBeNull();
    expect(changeCount).toBe(1);
    expect(await world.asks(id)).toBe(transfer.row.epoch);
  });

  it('says nothing after a boot of its machine, before it knows what that lost of an open file', async () => {
    const world = new World();
    const { id } = await world.transfer([0]);
    world.engine = world.engineOf('node-a', world.store, false);
    // Its replica has all of it, and does not answer.
    await expect(world.asks(id)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('says nothing while the database does not', async () => {
    const world = new World();
    const { id } = await world.transfer([0, 1]);
    world.repository.isUp = false;
    await expect(world.asks(id)).rejects.toBeInstanceOf(PeerLinkError);
  });
});

describe('a copy that no row names', () => {
  afterEach(() => void jest.useRealTimers());

  it('is let go of by its node at the first sweep after its home said that it is safe', async () => {
    jest.useFakeTimers();
    const world = new World();
    const { id, lastFileId, row } = await world.transfer([0, 1], { replicaNodeId: 'node-b', replicaState: 'syncing' });
    const home = world.service(world.engine, world.store, null);
    const asked: unknown[] = [];
    const stored = new MemoryChunkStore(netIo);
    await stored.create(lastFileId, GEOMETRY);
    const call = async (...[name, params, options]: Parameters<NonNullable<TransferServiceDeps['call']>>) => {
      asked.push([name, params, options?.nodeId]);
      const { handler } = { ...home.actions }.confirm as { handler: (ctx: Context) => Promise<unknown> };
      return handler.call({} as Service, { params, nodeID: null } as unknown as Context);
    };
    const holder = world.service(world.engineOf('node-x', stored), stored, call as TransferServiceDeps['call']);
    await lifeOf(holder, 'started');
    await jest.advanceTimersByTimeAsync(61_000);
    expect(asked).toEqual([['transfer.confirm', { transferId: id }, 'node-a']]);
    expect(stored.files.size).toBe(1);
    await world.repository.cas(id, row().epoch, { replicaState: 'in_sync' });
    await jest.advanceTimersByTimeAsync(61_000);
    expect(asked).toHaveLength(2);
    expect(stored.files.size).toBe(0);
    await lifeOf(holder, 'stopped');
  });
});
