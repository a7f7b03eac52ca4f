import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import type { EngineDeps } from './engine-deps.ts';
import type { RunningTransfer } from './running-transfer.ts';

const CHUNK = 1024;
const BYTES = Buffer.alloc(CHUNK, 7);

/** `node-a` over a disk and a database that tell in order what is asked of them. */
class World {
  nowMs = Date.UTC(2026, 0, 1);
  readonly asked: string[] = [];
  readonly faults: unknown[] = [];
  syncFault: Error | null = null;
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly engine;

  constructor(deps: Partial<EngineDeps> = {}) {
    const seal = this.repository.sealFile.bind(this.repository);
    this.repository.sealFile = async (args) => {
      this.asked.push('seal');
      return seal(args);
    };
    this.engine = memoryEngine({
      repository: this.repository,
      store: new MemoryChunkStore(
        loadNetIo({ useNative: true }),
        async (what) => void this.asked.push(what),
        async () => {
          this.asked.push('sync');
          if (this.syncFault !== null) throw this.syncFault;
        },
      ),
      nowMs: () => this.nowMs,
      onFault: (_what, fault) => void this.faults.push(fault),
      ...deps,
    });
  }

  async open(homeNodeId: string, fileCount = 1): Promise<RunningTransfer> {
    const files = Array.from({ length: fileCount }, () => ({ sizeBytes: CHUNK, chunkSizeBytes: CHUNK }));
    const { transfer } = await insertTransfer(this.repository, { homeNodeId, files });
    return this.engine.load(transfer.id);
  }

  async write(transfer: RunningTransfer, fileIndex = 0): Promise<void> {
    await this.engine.writeChunk(transfer, transfer.file(fileIndex), { index: 0, bytes: [BYTES] });
    await this.engine.sealWhenComplete(transfer, transfer.file(fileIndex));
  }

  /** A chunk as the home sends it. */
  async takeAsReplica(transfer: RunningTransfer): Promise<void> {
    const view = await this.engine.replicaTransfer(transfer.row.id);
    const { stored, release } = await view.useFile(0);
    await stored.writeAndCommitChunk(0, [BYTES]);
    release();
  }

  /** The home `node-b` seals it. */
  async sealElsewhere(transfer: RunningTransfer): Promise<void> {
    const { id, epoch: knownEpoch, homeNodeId } = transfer.row;
    const digest = loadNetIo({ useNative: true }).hash(BYTES);
    await this.repository.sealFile({
      transferId: id,
      fileIndex: 0,
      knownEpoch,
      homeNodeId,
      digest,
      sizeBytes: CHUNK,
    });
  }

  /** What is asked of the disk for one turn of what is to be synced. */
  async turn(): Promise<readonly string[]> {
    this.asked.length = 0;
    await this.engine.syncSealed();
    return this.asked;
  }
}

describe('what was sealed', () => {
  it('is synced after its seal, once; each file that was', async () => {
    const world = new World();
    const transfer = await world.open('node-a', 2);
    expect(await world.turn()).toEqual([]);
    await world.write(transfer, 0);
    expect(world.asked).not.toContain('sync');
    expect(await world.turn()).toEqual(['sync']);
    expect(await world.turn()).toEqual([]);
    await world.write(transfer, 1);
    expect(await world.turn()).toEqual(['sync']);
  });

  it('is synced again when that failed, until it did not', async () => {
    const world = new World();
    await world.write(await world.open('node-a', 1));
    world.syncFault = new Error('EIO');
    await world.turn();
    await world.turn();
    expect(world.faults).toEqual([world.syncFault, world.syncFault]);
    world.syncFault = null;
    expect(await world.turn()).toEqual(['sync']);
    expect(await world.turn()).toEqual([]);
  });

  it('is synced also when nobody has used it since, and not once it has ended', async () => {
    const world = new World();
    const [forgotten, ended] = [await world.open('node-a'), await world.open('node-a')];
    for (const transfer of [forgotten, ended]) await world.write(transfer);
    await world.engine.forget(forgotten);
    await world.engine.end(ended.row.id, 'deleted');
    expect(await world.turn()).toEqual(['sync']);
  });

  it('by its home is synced at its replica too', async () => {
    const world = new World();
    const transfer = await world.open('node-b');
    await world.repository.cas(transfer.row.id, 1, { replicaNodeId: 'node-a', replicaState: 'in_sync' });
    await world.engine.maintain();
    await world.takeAsReplica(transfer);
    expect(await world.turn()).toEqual([]);
    await world.sealElsewhere(transfer);
    await world.engine.maintain();
    expect(transfer.row.state).toBe('sealed');
    expect(await world.turn()).toEqual(['sync']);
    await world.engine.maintain();
    expect(await world.turn()).toEqual([]);
  });

  it('before this node was asked to be its replica is synced once the copy is whole', async () => {
    const world = new World();
    const transfer = await world.open('node-b');
    await world.sealElsewhere(transfer);
    await world.engine.maintain();
    const { id } = transfer.row;
    await world.repository.cas(id, transfer.row.epoch, { replicaNodeId: 'node-a', replicaState: 'syncing' });
    await world.engine.maintain();
    await world.takeAsReplica(transfer);
    expect(await world.turn()).toEqual([]);
    await world.repository.cas(id, transfer.row.epoch, { replicaState: 'in_sync' });
    await world.engine.maintain();
    expect(await world.turn()).toEqual(['sync']);
    await world.engine.maintain();
    expect(await world.turn()).toEqual([]);
  });
});

describe('a home with DURABILITY=power', () => {
  it('syncs the bytes before their value, the value before the answer, and all of it before the row that seals', async () => {
    const world = new World({ durability: 'power' });
    const transfer = await world.open('node-a');
    await world.write(transfer);
    const order = world.asked.filter((what) => what !== 'read');
    expect(order).toEqual(['write', 'sync', 'commit', 'sync', 'sync', 'seal']);
  });

  it('neither acknowledges nor seals what the disk did not take', async () => {
    const world = new World({ durability: 'power' });
    const transfer = await world.open('node-a');
    world.syncFault = new Error('EIO');
    await expect(world.write(transfer)).rejects.toBe(world.syncFault);
    expect(transfer.file(0).has(0)).toBe(false);
    expect(world.asked).not.toContain('seal');
  });
});
