import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { memoryCopies, memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { waitFor } from '../../test/support/waiting.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { ChunkCopies } from './mending.ts';
import { recoverStored } from './recovery.ts';
import { replaceReplica } from './replace-replicas.ts';
import { FillSlots } from './replication/fill-slots.ts';
import { HomeSide } from './replication/home-side.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const geometry = { chunkSizeBytes: CHUNK, sizeBytes: 3 * CHUNK };
const bytesOf = (index: number, variant = 0) => Buffer.alloc(CHUNK, 1 + index + 16 * variant);
const STORED = async () => ({ kind: 'stored' }) as const;
const LOST = { homeNodeId: 'node-b', replicaNodeId: null, replicaState: 'none' } as const;

/** This machine, `node-a`, which reboots, and `node-b`, which has the first two chunks of what it opened. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly store = new MemoryChunkStore(netIo);
  readonly other = new MemoryChunkStore(netIo);
  readonly faults: unknown[] = [];
  readonly declared: string[] = [];
  isOtherUp = true;
  /** An operator gave up on `node-b`. */
  isOtherGivenUp = false;
  adopt: (id: string) => Promise<void> = async () => {};
  readonly #homeDeps = {
    nodeId: 'node-a',
    replicationFactor: 1 as const,
    // Whoever is attached holds all there is.
    connector: { open: async () => ({ values: new Map(), send: STORED, close: () => {} }) },
    placement: { choose: async () => 'node-c' },
    slots: new FillSlots(),
    nowMs: () => performance.now(),
    delay: () => new Promise<never>(() => {}),
    onEvent: () => {},
  };
  engine = this.#start(true);

  reboot(): void {
    this.engine = this.#start(false);
  }

  /** One round of what follows a start, and the next when something is left. */
  async recover(): Promise<boolean> {
    const boot = {
      declareSyncing: async (id: string) => void this.declared.push(id),
      finishDeclaring: () => {},
    };
    const { engine, repository, store } = this;
    const isSound = await recoverStored({ engine, repository, store, boot, isDiskTrusted: false });
    if (isSound) engine.trust.confirmDisk();
    return isSound;
  }

  /** An open file of three chunks, two of which were acknowledged. */
  async open(
    replicaNodeId: string | null,
    { isNew } = { isNew: false },
  ): Promise<{ readonly id: string; readonly fileId: string }> {
    const fileId = randomId(22);
    const inserted = await insertTransfer(this.repository, { files: [{ id: fileId, ...geometry }] });
    const { id } = inserted.transfer;
    const transfer = isNew ? this.engine.adopt(inserted, { isNew }) : await this.engine.load(id);
    const copy = await this.other.create(fileId, geometry);
    for (const index of [0, 1]) {
      await this.engine.writeChunk(transfer, transfer.file(0), { index, bytes: [bytesOf(index)] });
      await copy.writeAndCommitChunk(index, [bytesOf(index)]);
    }
    if (replicaNodeId !== null) await this.repository.cas(id, 1, { replicaNodeId, replicaState: 'in_sync' });
    return { id, fileId };
  }

  /** How often a stored file was opened since. */
  opensOf(fileId: string): () => number {
    const { store } = this;
    const open = store.open.bind(store);
    let count = 0;
    store.open = (id, geometry) => {
      if (id === fileId) count += 1;
      return open(id, geometry);
    };
    return () => count;
  }

  async seal(id: string, variant = 0): Promise<void> {
    const transfer = await this.engine.load(id);
    await this.engine.writeChunk(transfer, transfer.file(0), { index: 2, bytes: [bytesOf(2, variant)] });
    await this.engine.sealWhenComplete(transfer, transfer.file(0));
  }

  /** Its value reached the medium, its bytes did not. */
  loseBytes(fileId: string, index: number): void {
    this.store.files.get(fileId)?.chunks.set(index, Buffer.alloc(CHUNK));
  }

  /** What it tells the next home that it holds. */
  async held(id: string): Promise<readonly (readonly [number, number])[]> {
    const transfer = await this.engine.replicaTransfer(id);
    const values = await transfer.values(0);
    const has = (index: number) => values.subarray(32 * index, 32 * (index + 1)).some((byte) => byte !== 0);
    return [0, 1, 2].filter(has).map((index) => [index, index + 1] as const);
  }

  #start(isDiskTrusted: boolean): TransferEngine {
    return memoryEngine({
      repository: this.repository,
      store: this.store,
      nowMs: Date.now,
      isDiskTrusted,
      copies: this.#copies(),
      askToAdopt: (row) => this.adopt(row.id),
      createHomeSide: (transfer) => new HomeSide({ ...this.#homeDeps, repository: this.repository }, transfer),
      onFault: (_what, fault) => void this.faults.push(fault),
    });
  }

  #copies(): ChunkCopies {
    const holders: ChunkCopies['holders'] = async (_row, scope) =>
      scope === 'all' && this.isOtherGivenUp ? [] : ['node-b'];
    const copies = memoryCopies(holders, async (_nodeId, file) => {
      if (!this.isOtherUp) throw new PeerLinkError('unavailable', 'away');
      return this.other.open(file.id, file);
    });
    return { ...copies, isGivenUp: async (nodeId) => nodeId === 'node-b' && this.isOtherGivenUp };
  }
}

describe('a home whose machine rebooted and whose replica took over', () => {
  it('is verified as a copy before its disk is trusted: it vouches for nothing that it lost', async () => {
    const world = new World();
    const { id, fileId } = await world.open('node-b');
    world.loseBytes(fileId, 1);
    world.reboot();
    world.adopt = async () => void (await world.repository.cas(id, 2, LOST));
    expect(await world.recover()).toBe(true);
    expect(await world.held(id)).toEqual([[0, 1]]);
    // The next process of this boot finds what is left.
    expect(world.store.files.get(fileId)?.values.ranges()).toEqual([[0, 1]]);
  });

  it('is waited for while its replica does not answer, and verified as a copy in the round after', async () => {
    const world = new World();
    const { id, fileId } = await world.open('node-b');
    world.loseBytes(fileId, 1);
    world.reboot();
    expect(await world.recover()).toBe(false);
    await world.repository.cas(id, 2, LOST);
    expect(await world.recover()).toBe(true);
    expect(await world.held(id)).toEqual([[0, 1]]);
  });
});

describe('a home whose machine rebooted and lost a file with its name', () => {
  it('asks its replica in sync to take over, and says nothing of what is committed before', async () => {
    const world = new World();
    const { id, fileId } = await world.open('node-b');
    world.store.files.delete(fileId);
    world.reboot();
    expect(await world.recover()).toBe(false);
    const transfer = await world.engine.load(id);
    await expect(world.engine.useFile(transfer, transfer.file(0), 'read')).rejects.toMatchObject({
      type: 'unavailable',
    });
    world.adopt = async () => void (await world.repository.cas(id, 2, LOST));
    expect(await world.recover()).toBe(true);
    expect((await world.repository.findById(id))?.transfer).toMatchObject({ homeNodeId: 'node-b', generation: 1 });
  });

  it('alone takes back what any node has of it, under a new generation', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    world.store.files.delete(fileId);
    world.reboot();
    world.isOtherUp = false;
    expect(await world.recover()).toBe(false);
    world.isOtherUp = true;
    expect(await world.recover()).toBe(true);
    const transfer = await world.engine.load(id);
    expect(transfer.row.generation).toBe(2);
    expect(transfer.file(0).committedRanges()).toEqual([[0, 2]]);
    const repeated = { index: 1, bytes: [bytesOf(1)] };
    expect(await world.engine.writeChunk(transfer, transfer.file(0), repeated)).toBe('same');
  });

  it('drops nothing when another node asks what it has: what was lost its home fetches, or tells of', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    world.loseBytes(fileId, 1);
    world.reboot();
    const transfer = await world.engine.load(id);
    const use = await world.engine.useStored(transfer.file(0));
    expect(use?.stored.values.ranges()).toEqual([[0, 2]]);
    use?.release();
    expect(await world.recover()).toBe(true);
    expect((await world.repository.findById(id))?.transfer.generation).toBe(2);
    expect(transfer.file(0).committedRanges()).toEqual([[0, 2]]);
  });
});

describe('a machine that rebooted and lost a sealed file with its name', () => {
  it('looks at no more of them once it stops', async () => {
    const world = new World();
    for (const { id } of [await world.open(null), await world.open(null), await world.open(null)]) await world.seal(id);
    world.reboot();
    const open = world.store.open.bind(world.store);
    let openCount = 0;
    world.store.open = (...args) => {
      openCount += 1;
      world.engine.beginClose();
      return open(...args);
    };
    expect(await world.recover()).toBe(false);
    expect(openCount).toBe(1);
  });

  it.each(['home', 'replica'] as const)('misses it as its %s, and has it again from the other copy', async (role) => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    const transfer = await world.engine.load(id);
    const last = { index: 2, bytes: [bytesOf(2)] };
    await (await world.other.create(fileId, geometry)).writeAndCommitChunk(2, last.bytes);
    await world.engine.writeChunk(transfer, transfer.file(0), last);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    const [homeNodeId, replicaNodeId] = role === 'home' ? ['node-a', 'node-b'] : ['node-b', 'node-a'];
    await world.repository.cas(id, 2, { homeNodeId, replicaNodeId, replicaState: 'in_sync' });
    world.store.files.delete(fileId);
    world.reboot();
    expect(await world.recover()).toBe(true);
    await waitFor('it is back', 5_000, () => world.store.files.get(fileId)?.values.count === 3);
    expect(world.faults).toEqual([]);
  });
});

describe('a replica whose machine rebooted', () => {
  it('counts as a copy of a sealed file by its bytes, also where its values have the digest and it was served', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    const transfer = await world.engine.load(id);
    await world.engine.writeChunk(transfer, transfer.file(0), { index: 2, bytes: [bytesOf(2)] });
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    await world.repository.cas(id, 2, { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'syncing' });
    world.loseBytes(fileId, 1);
    world.reboot();
    const again = await world.engine.load(id);
    (await world.engine.useFile(again, again.file(0), 'read'))?.release();
    expect(await world.held(id)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    await expect(world.engine.useFile(again, again.file(0), 'read')).rejects.toMatchObject({ type: 'damaged' });
  });

  it('may become home of a file it holds nothing of: that one did not vanish', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    await world.repository.cas(id, 1, { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'in_sync' });
    world.store.files.delete(fileId);
    world.reboot();
    expect(await world.held(id)).toEqual([]);
    await world.repository.cas(id, 2, { homeNodeId: 'node-a', replicaNodeId: null, replicaState: 'none' });
    world.isOtherUp = false;
    const transfer = await world.engine.load(id);
    await world.engine.reread(transfer);
    expect(await world.engine.useFile(transfer, transfer.file(0), 'read')).toBeNull();
    expect(transfer.row.generation).toBe(1);
  });
});

describe('a home whose machine rebooted and whose replica in sync is gone', () => {
  it('keeps it, since only that one is known to have all that was acknowledged, until it is verified itself', async () => {
    const world = new World();
    const { id } = await world.open('node-b');
    world.reboot();
    const replaced = async () => {
      await replaceReplica(world.engine, id, 'node-b');
      return (await world.repository.findById(id))?.transfer;
    };
    expect(await replaced()).toMatchObject({ epoch: 2, replicaNodeId: 'node-b', replicaState: 'in_sync' });
    expect(await world.recover()).toBe(false);
    expect(await replaced()).toMatchObject({ epoch: 2, replicaNodeId: 'node-b', replicaState: 'in_sync' });
    // It came back, and said that its own machine had rebooted.
    await world.repository.cas(id, 2, { replicaState: 'syncing' });
    await world.engine.reread(await world.engine.load(id));
    expect(await world.recover()).toBe(true);
    expect(await replaced()).toMatchObject({ replicaNodeId: 'node-c', replicaState: 'in_sync', generation: 2 });
  });
});

describe('a transfer that waits for its replica after a boot', () => {
  it('holds up nothing else: the rest is looked at once, and trusted from then on', async () => {
    const world = new World();
    const waiting = await world.open('node-b');
    const [sealed, alone] = [await world.open(null), await world.open(null)];
    await world.seal(sealed.id);
    world.loseBytes(waiting.fileId, 1);
    world.reboot();
    world.adopt = () => Promise.reject(new PeerLinkError('unavailable', 'away'));
    const opens = world.opensOf(sealed.fileId);
    expect(await world.recover()).toBe(false);
    await world.engine.openFiles.close(sealed.fileId);
    expect(await world.recover()).toBe(false);
    expect(opens()).toBe(1);
    expect(world.declared).toEqual([]);
    // Out of memory and back, the one that was verified is not verified, nor its generation raised, once more.
    await world.engine.forget(await world.engine.load(alone.id));
    await world.engine.learnValues(await world.engine.load(alone.id));
    expect((await world.repository.findById(alone.id))?.transfer.generation).toBe(2);
    // The one that waits is believed as little as before, at home and as the copy that it becomes.
    await world.engine.forget(await world.engine.load(waiting.id));
    const again = await world.engine.load(waiting.id);
    await expect(world.engine.useFile(again, again.file(0), 'read')).rejects.toMatchObject({ type: 'unavailable' });
    await world.repository.cas(waiting.id, 2, LOST);
    await world.engine.reread(again);
    await world.engine.forget(again);
    expect(await world.held(waiting.id)).toEqual([[0, 1]]);
    expect(await world.recover()).toBe(true);
    expect((await world.repository.findById(waiting.id))?.transfer.generation).toBe(1);
  });

  it('with many others of the same replica costs three questions a round, not one each', async () => {
    const world = new World();
    for (let count = 0; count < 6; count += 1) await world.open('node-b');
    world.reboot();
    let questions = 0;
    world.adopt = () => {
      questions += 1;
      return Promise.reject(new PeerLinkError('unavailable', 'away'));
    };
    expect(await world.recover()).toBe(false);
    expect(questions).toBe(3);
    expect(await world.recover()).toBe(false);
    expect(questions).toBe(6);
  });
});

describe('a transfer that began after the boot', () => {
  it('is known also when it fell out of memory before everything was looked at', async () => {
    const world = new World();
    world.reboot();
    const { id } = await world.open(null, { isNew: true });
    await world.engine.forget(await world.engine.load(id));
    await world.engine.learnValues(await world.engine.load(id));
    expect((await world.repository.findById(id))?.transfer.generation).toBe(1);
  });
});

describe('two that look at one file after a boot, each for a thing of its own', () => {
  it('a copy is verified by its bytes while a reader compares its values, and no answer stands for the other', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    await world.seal(id);
    await world.repository.cas(id, 2, { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'syncing' });
    world.loseBytes(fileId, 1);
    world.reboot();
    const transfer = await world.engine.load(id);
    const [, held] = await Promise.all([
      world.engine.useFile(transfer, transfer.file(0), 'read').then((use) => use?.release()),
      world.held(id),
    ]);
    expect(held).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('a reader compares the values with the digest, also while the copy is verified by its bytes', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    await world.seal(id);
    await world.repository.cas(id, 2, { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'syncing' });
    // A copy of another, never acknowledged value of its last chunk.
    const stale = await world.store.open(fileId, geometry);
    await stale?.dropChunk(2);
    await stale?.writeAndCommitChunk(2, [bytesOf(2, 1)]);
    world.reboot();
    const transfer = await world.engine.load(id);
    const held = world.held(id);
    for (let turns = 0; transfer.file(0).checking === null && turns < 1_000; turns += 1) await Promise.resolve();
    expect(transfer.file(0).checking).not.toBeNull();
    await expect(world.engine.useFile(transfer, transfer.file(0), 'read')).rejects.toMatchObject({ type: 'damaged' });
    expect(await held).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
  });
});

describe('a home whose machine rebooted while the operator gives up on the other node', () => {
  it('detaches it by an epoch that fences it, and goes on alone with what verifies, under a new generation', async () => {
    const world = new World();
    const { id, fileId } = await world.open('node-b');
    world.loseBytes(fileId, 1);
    world.reboot();
    world.isOtherUp = false;
    expect(await world.recover()).toBe(false);
    expect((await world.repository.findById(id))?.transfer).toMatchObject({ epoch: 2, replicaState: 'in_sync' });
    world.isOtherGivenUp = true;
    expect(await world.recover()).toBe(true);
    expect((await world.repository.findById(id))?.transfer).toMatchObject({
      ...{ homeNodeId: 'node-a', replicaNodeId: null, replicaState: 'none', epoch: 4, generation: 2 },
    });
    // What the other one sends to the database when it comes back is of an epoch that is over.
    expect(await world.repository.cas(id, 2, LOST)).toBeNull();
    const transfer = await world.engine.load(id);
    expect(transfer.file(0).committedRanges()).toEqual([[0, 1]]);
    const again = { index: 1, bytes: [bytesOf(1, 3)] };
    expect(await world.engine.writeChunk(transfer, transfer.file(0), again)).toBe('committed');
  });

  it('obeys its replica when that was faster to take over', async () => {
    const world = new World();
    const { id } = await world.open('node-b');
    world.reboot();
    world.isOtherGivenUp = true;
    const { cas } = world.repository;
    world.repository.cas = async (...args) => {
      world.repository.cas = cas;
      await world.repository.cas(id, 2, LOST);
      return world.repository.cas(...args);
    };
    expect(await world.recover()).toBe(false);
    await world.engine.reread(await world.engine.load(id));
    expect(await world.recover()).toBe(true);
    expect((await world.repository.findById(id))?.transfer).toMatchObject({ homeNodeId: 'node-b', generation: 1 });
  });

  it('alone waits no more for what only that one may have', async () => {
    const world = new World();
    const { id, fileId } = await world.open(null);
    world.loseBytes(fileId, 0);
    world.reboot();
    world.isOtherUp = false;
    expect(await world.recover()).toBe(false);
    expect((await world.repository.findById(id))?.transfer.generation).toBe(1);
    world.isOtherGivenUp = true;
    expect(await world.recover()).toBe(true);
    const transfer = await world.engine.load(id);
    expect(transfer.row.generation).toBe(2);
    expect(transfer.file(0).committedRanges()).toEqual([[1, 2]]);
  });
});
