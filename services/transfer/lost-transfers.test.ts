import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryLostTransfers } from '../../test/support/memory-lost-transfers.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { endLostOpen, heldHere, oneAtATime, rescueSealed, settleLost } from './lost-transfers.ts';
import type { OwnershipChange } from './ports.ts';
import { countStranded } from './stranded-copies.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (index: number) => Buffer.alloc(CHUNK, 1 + index);
const IN_SYNC = { replicaNodeId: 'node-r', replicaState: 'in_sync' } as const;
const SYNCING = { replicaNodeId: 'node-r', replicaState: 'syncing' } as const;

/** This node, `node-x`; `node-h`, the home of everything, which is gone; and `node-r`, its replica where there is one. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly store = new MemoryChunkStore(netIo);
  readonly lost = new MemoryLostTransfers(this.repository);
  readonly rescued: string[] = [];
  readonly faults: unknown[] = [];
  /** How often each other node was asked. */
  readonly asked: string[] = [];
  /** Nodes for which the last turn had something wait. */
  awaited: readonly string[] = [];
  others: readonly string[] = [];
  /** What those of them say that answer. */
  readonly answers = new Map<string, readonly string[]>();
  engine = this.#start(true);

  reboot(): void {
    this.engine = this.#start(false);
  }

  #start(isDiskTrusted: boolean): TransferEngine {
    const { repository, store } = this;
    return memoryEngine({ nodeId: 'node-x', repository, store, nowMs: Date.now, isDiskTrusted });
  }

  async open(ownership: OwnershipChange): Promise<string> {
    return (await insertTransfer(this.repository, { homeNodeId: 'node-h', ownership })).transfer.id;
  }

  /** Sealed, of two chunks, of which this node holds these. */
  async sealed(held: readonly number[], ownership: OwnershipChange = {}): Promise<{ id: string; fileId: string }> {
    const digest = netIo.hash(Buffer.concat([bytesOf(0), bytesOf(1)]));
    const file = { sizeBytes: 2 * CHUNK, chunkSizeBytes: CHUNK, digest };
    const { transfer, files } = await insertTransfer(this.repository, {
      ...{ homeNodeId: 'node-h', files: [file], ownership },
    });
    const fileId = files[0]?.id ?? '';
    if (held.length > 0) {
      const stored = await this.store.create(fileId, { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK });
      for (const index of held) await stored.writeAndCommitChunk(index, [bytesOf(index)]);
    }
    return { id: transfer.id, fileId };
  }

  settle(): Promise<number> {
    return settleLost({
      lost: this.lost,
      nodeIds: async () => ['node-x', ...this.others],
      rescue: async (nodeId, ids) => {
        if (nodeId === 'node-x') return await this.rescue(ids);
        this.asked.push(nodeId);
        const answer = this.answers.get(nodeId);
        if (answer === undefined) throw new Error(`${nodeId} does not answer`);
        return answer;
      },
      isClosed: () => this.engine.isClosed,
      onAwaited: (nodeIds) => {
        this.awaited = nodeIds;
      },
    });
  }

  rescue(ids: readonly string[]): Promise<readonly string[]> {
    const { engine, repository } = this;
    const isGivenUp = async (nodeId: string) => this.lost.givenUp.has(nodeId);
    const onRescued = (id: string) => void this.rescued.push(id);
    const onFault = (fault: unknown) => void this.faults.push(fault);
    return rescueSealed({ engine, repository, isGivenUp, onRescued, onFault }, ids);
  }

  async row(id: string) {
    return (await this.repository.findById(id))?.transfer;
  }
}

describe('a transfer that is open when its home is given up', () => {
  it('ends where no replica is in sync, and tells why; one in sync is left to its replica', async () => {
    const world = new World();
    const [alone, behind, copied] = [await world.open({}), await world.open(SYNCING), await world.open(IN_SYNC)];
    expect(await endLostOpen(world.lost)).toBe(0);
    world.lost.givenUp.add('node-h');
    expect(await endLostOpen(world.lost)).toBe(2);
    for (const id of [alone, behind]) {
      expect(await world.row(id)).toMatchObject({ state: 'ended', endReason: 'node_lost', epoch: 3 });
      const transfer = await world.engine.load(id);
      expect(() => transfer.assertReadable(Date.now())).toThrow(
        expect.objectContaining({ type: 'ended', data: { endReason: 'node_lost' } }),
      );
    }
    expect(await world.row(copied)).toMatchObject({ state: 'open', epoch: 2 });
    expect(await endLostOpen(world.lost)).toBe(0);
  });

  it('ends with all others, however many there are', async () => {
    const world = new World();
    for (let count = 0; count < 501; count += 1) await world.open({});
    world.lost.givenUp.add('node-h');
    expect(await endLostOpen(world.lost)).toBe(501);
    expect(await world.lost.count('node-h')).toMatchObject({ homeCount: 0, openLostCount: 0 });
  });

  it('ends later where its replica is given up too, or has rebooted and is in sync no more', async () => {
    const world = new World();
    const [both, rebooted] = [await world.open(IN_SYNC), await world.open({ ...IN_SYNC, replicaNodeId: 'node-x' })];
    world.lost.givenUp.add('node-h');
    expect(await world.settle()).toBe(0);
    expect(await world.lost.count('node-r')).toMatchObject({ openLostCount: 1, copyCount: 0 });
    world.lost.givenUp.add('node-r');
    expect(await world.settle()).toBe(1);
    await world.repository.cas(rebooted, 2, { replicaState: 'syncing' });
    expect(await world.settle()).toBe(1);
    expect([await world.row(both), await world.row(rebooted)]).toMatchObject([{ state: 'ended' }, { state: 'ended' }]);
  });
});

describe('a transfer that is sealed when its home is given up', () => {
  it('is taken over by a node that holds it whole, whatever the row says of that one', async () => {
    const world = new World();
    const [copy, behind] = [
      await world.sealed([0, 1]),
      await world.sealed([0, 1], { replicaNodeId: 'node-x', replicaState: 'syncing' }),
    ];
    world.lost.givenUp.add('node-h');
    expect(await world.settle()).toBe(0);
    for (const { id } of [copy, behind]) {
      const row = await world.row(id);
      expect(row).toMatchObject({ state: 'sealed', homeNodeId: 'node-x', replicaNodeId: null, replicaState: 'none' });
      // The home before, should it live: its statements are of an epoch that is over.
      expect(await world.repository.cas(id, (row?.epoch ?? 0) - 1, { replicaNodeId: 'node-r' })).toBeNull();
    }
    expect(world.rescued.sort()).toEqual([copy.id, behind.id].sort());
  });

  it('ends once every node that is left has looked, and none holds all of it', async () => {
    const world = new World();
    const ids = [(await world.sealed([])).id, (await world.sealed([1])).id];
    world.lost.givenUp.add('node-h');
    world.others = ['node-s'];
    expect(await world.settle()).toBe(0);
    expect(world.awaited).toEqual(['node-s']);
    world.others = [];
    expect(await world.settle()).toBe(2);
    expect(world.awaited).toEqual([]);
    for (const id of ids) expect(await world.row(id)).toMatchObject({ state: 'ended', endReason: 'node_lost' });
  });

  it('is no whole copy where the machine rebooted and its bytes do not verify', async () => {
    const world = new World();
    const [sound, rotten] = [await world.sealed([0, 1]), await world.sealed([0, 1])];
    world.store.files.get(rotten.fileId)?.chunks.set(1, Buffer.alloc(CHUNK));
    world.reboot();
    world.lost.givenUp.add('node-h');
    expect(await world.settle()).toBe(1);
    expect(await world.row(sound.id)).toMatchObject({ state: 'sealed', homeNodeId: 'node-x' });
    expect(await world.row(rotten.id)).toMatchObject({ state: 'ended' });
  });

  it('waits when a node could not look at it, for then nobody knows; and keeps no other one waiting', async () => {
    const world = new World();
    // In whatever order they are looked at.
    const [before, { id, fileId }, after] = [
      await world.sealed([0, 1]),
      await world.sealed([0, 1]),
      await world.sealed([0, 1]),
    ];
    const nowhere = (await world.sealed([])).id;
    world.lost.givenUp.add('node-h');
    const open = world.store.open.bind(world.store);
    const fault = new Error('too many open files');
    world.store.open = (wanted, geometry) => (wanted === fileId ? Promise.reject(fault) : open(wanted, geometry));
    expect(await world.settle()).toBe(1);
    expect([world.faults, world.awaited]).toEqual([[fault], ['node-x']]);
    expect(await world.row(nowhere)).toMatchObject({ state: 'ended', endReason: 'node_lost' });
    expect(await world.row(id)).toMatchObject({ state: 'sealed', homeNodeId: 'node-h' });
    for (const other of [before, after]) expect(await world.row(other.id)).toMatchObject({ homeNodeId: 'node-x' });
    world.store.open = open;
    expect(await world.settle()).toBe(0);
    expect(await world.row(id)).toMatchObject({ homeNodeId: 'node-x' });
    expect(world.awaited).toEqual([]);
  });

  it('waits for a node that stores some of it and cannot look, as one does whose service does not run, and no longer', async () => {
    const world = new World();
    const [there, nowhere] = [(await world.sealed([])).id, (await world.sealed([])).id];
    world.lost.givenUp.add('node-h');
    world.others = ['node-s'];
    world.answers.set('node-s', [there]);
    expect(await world.settle()).toBe(1);
    expect(await world.row(nowhere)).toMatchObject({ state: 'ended' });
    expect(await world.row(there)).toMatchObject({ state: 'sealed' });
    expect(world.awaited).toEqual(['node-s']);
    world.answers.set('node-s', []);
    expect(await world.settle()).toBe(1);
    expect(await world.row(there)).toMatchObject({ state: 'ended' });
  });

  it('is found behind however many others wait for a node that does not answer, which is asked once a turn', async () => {
    const world = new World();
    for (let count = 0; count < 501; count += 1) await world.sealed([]);
    // The last of all.
    const digest = netIo.hash(Buffer.concat([bytesOf(0), bytesOf(1)]));
    const { transfer, files } = await insertTransfer(world.repository, {
      ...{ id: 'z'.repeat(22), homeNodeId: 'node-h', files: [{ sizeBytes: 2 * CHUNK, chunkSizeBytes: CHUNK, digest }] },
    });
    const stored = await world.store.create(files[0]?.id ?? '', { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK });
    for (const index of [0, 1]) await stored.writeAndCommitChunk(index, [bytesOf(index)]);
    world.lost.givenUp.add('node-h');
    world.others = ['node-s'];
    expect(await world.lost.list('sealed', '', 501)).not.toContain(transfer.id);
    expect(await world.settle()).toBe(0);
    expect(await world.row(transfer.id)).toMatchObject({ state: 'sealed', homeNodeId: 'node-x' });
    expect(world.asked).toEqual(['node-s']);
  });

  it('is looked at for one question at a time: what takes longer than that is not begun again beside it', async () => {
    const asked: string[][] = [];
    let answer: () => void = () => {};
    const look = oneAtATime(async (ids) => {
      asked.push([...ids]);
      await new Promise<void>((resolve) => (answer = resolve));
      return ids;
    });
    const first = look(['a']);
    for (let turn = 0; turn < 3; turn += 1) await expect(look(['a'])).rejects.toMatchObject({ type: 'busy' });
    answer();
    expect(await first).toEqual(['a']);
    const second = look(['b']);
    answer();
    expect([await second, asked]).toEqual([['b'], [['a'], ['b']]]);
  });

  it('is left to the next turn by a node that is being stopped, at once', async () => {
    const world = new World();
    const { id } = await world.sealed([0, 1]);
    world.lost.givenUp.add('node-h');
    world.others = ['node-s'];
    world.engine.beginClose();
    expect(await world.rescue([id])).toEqual([id]);
    expect(await world.settle()).toBe(0);
    expect([world.asked, (await world.row(id))?.homeNodeId]).toEqual([[], 'node-h']);
  });

  it('stays with its home when that is back, and with its replica in sync', async () => {
    const world = new World();
    const [{ id }, copied] = [await world.sealed([0, 1]), await world.sealed([0, 1], IN_SYNC)];
    expect(await world.rescue([id])).toEqual([id]);
    world.lost.givenUp.add('node-h');
    expect(await world.lost.list('sealed', '', 10)).toEqual([id]);
    await world.settle();
    expect([await world.row(id), await world.row(copied.id)]).toMatchObject([
      { homeNodeId: 'node-x' },
      { homeNodeId: 'node-h', replicaNodeId: 'node-r' },
    ]);
  });
});

describe('a node whose transfer service does not run', () => {
  it('names those of the transfers it is asked for of which it stores anything, and no others', async () => {
    const world = new World();
    const [whole, part, nothing, other] = [
      await world.sealed([0, 1]),
      await world.sealed([1]),
      await world.sealed([]),
      await world.sealed([0]),
    ];
    const held = (...ids: readonly string[]) => heldHere(world, ids);
    expect([...(await held(whole.id, part.id, nothing.id))].sort()).toEqual([whole.id, part.id].sort());
    expect(await held(nothing.id)).toEqual([]);
    expect(await held(other.id)).toEqual([other.id]);
    await world.store.remove(other.fileId);
    expect(await held(other.id)).toEqual([]);
  });
});

describe('a node that is being emptied', () => {
  it('waits for copies of an absent home until that is given up', async () => {
    const world = new World();
    const [whole, part] = [await world.sealed([0, 1]), await world.sealed([0])];
    const { store, repository } = world;
    const stranded = () =>
      countStranded({
        ...{ nodeId: 'node-x', store, repository },
        otherNodeIds: async () => ['node-h'],
        answers: async () => false,
      });
    expect(await stranded()).toBe(2);
    world.lost.givenUp.add('node-h');
    await world.settle();
    // One is at home here, to be handed over, and the other has ended.
    expect(await stranded()).toBe(0);
    expect([await world.row(whole.id), await world.row(part.id)]).toMatchObject([
      { homeNodeId: 'node-x' },
      { state: 'ended' },
    ]);
  });
});
