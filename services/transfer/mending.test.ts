import assert from 'node:assert/strict';
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
import { recoverHomes, recoverStored } from './recovery.ts';
import { Scrub } from './scrub.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (index: number) => Buffer.alloc(CHUNK, index + 1);
const START = Date.UTC(2026, 0, 1);

/** A node over its disk, and another one whose copy it may ask for. */
class World {
  nowMs = START;
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly store = new MemoryChunkStore(netIo);
  readonly other = new MemoryChunkStore(netIo);
  readonly events: string[] = [];
  readonly faults: unknown[] = [];
  readonly adoptions: string[] = [];
  isOtherUp = true;
  /** Nodes that answer other bytes for every chunk, and how often they did. */
  readonly wrong = new Map<string, Buffer>();
  wrongReadCount = 0;
  /** Who holds copies by the row, by the table of nodes, and by the bus. */
  holders: ChunkCopies['holders'] = async () => ['node-b'];
  answering: readonly string[] = [];
  adopt: (id: string) => Promise<void> = async () => {};
  engine: TransferEngine;

  constructor() {
    this.engine = this.start(true);
  }

  start(isDiskTrusted: boolean, nodeId = 'node-a'): TransferEngine {
    this.engine = memoryEngine({
      nodeId,
      repository: this.repository,
      store: this.store,
      nowMs: () => this.nowMs,
      isDiskTrusted,
      copies: this.#copies(),
      askToAdopt: async (row) => {
        this.adoptions.push(row.id);
        await this.adopt(row.id);
      },
      publishMending: (event, { chunkIndex }) => void this.events.push(`${event} ${chunkIndex}`),
      onFault: (_what, fault) => void this.faults.push(fault),
    });
    return this.engine;
  }

  #copies(): ChunkCopies {
    const copies = memoryCopies(
      (row, scope) => this.holders(row, scope),
      async (_nodeId, file) => {
        if (!this.isOtherUp) throw new PeerLinkError('unavailable', 'away');
        return this.other.open(file.id, file);
      },
    );
    return {
      ...copies,
      answering: () => this.answering,
      read: async (nodeId, transfer, file, index) => {
        const wrong = this.wrong.get(nodeId);
        if (wrong === undefined) return copies.read(nodeId, transfer, file, index);
        this.wrongReadCount += 1;
        return wrong;
      },
    };
  }

  /** A file of three chunks with those named stored on this node; all of them on the other one. */
  async file(stored: readonly number[] = [0, 1, 2]) {
    const fileId = randomId(22);
    const geometry = { chunkSizeBytes: CHUNK, sizeBytes: 3 * CHUNK };
    const { id } = (await insertTransfer(this.repository, { files: [{ id: fileId, ...geometry }] })).transfer;
    const copy = await this.other.create(fileId, geometry);
    for (const index of [0, 1, 2]) await copy.commitChunk(index, await copy.writeChunk(index, [bytesOf(index)]));
    const transfer = await this.engine.load(id);
    const file = transfer.file(0);
    for (const index of stored) await this.engine.writeChunk(transfer, file, { index, bytes: [bytesOf(index)] });
    await this.engine.sealWhenComplete(transfer, file);
    return { id, fileId, transfer, file };
  }

  damage(fileId: string, index: number, store = this.store): void {
    store.files.get(fileId)?.chunks.set(index, Buffer.alloc(CHUNK, 99));
  }

  bytes(fileId: string, index: number): Buffer | undefined {
    return this.store.files.get(fileId)?.chunks.get(index);
  }

  async readChunk(id: string, index: number): Promise<Buffer> {
    const transfer = await this.engine.load(id);
    const use = await this.engine.useFile(transfer, transfer.file(0), 'read');
    assert(use !== null);
    const buffer = Buffer.alloc(CHUNK);
    const isSound = await use.stored.readChunk(index, buffer, CHUNK);
    return isSound ? buffer : this.engine.mending.mend(transfer, transfer.file(0), use.stored, index);
  }
}

describe('a damaged chunk', () => {
  it('is mended from the other copy once, however many read it, and handed to all of them', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.damage(fileId, 1);
    const read = await Promise.all([world.readChunk(id, 1), world.readChunk(id, 1)]);
    expect(read.every((bytes) => bytes.equals(bytesOf(1)))).toBe(true);
    expect(world.bytes(fileId, 1)).toEqual(bytesOf(1));
    expect(world.events).toEqual(['repaired 1']);
    expect(world.engine.mending.counts).toEqual({ scrubbedChunks: 0, repairedChunks: 1, damagedChunks: 0 });
  });

  it('is named and not delivered when the other copy is damaged too', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.damage(fileId, 1);
    world.damage(fileId, 1, world.other);
    const fault = { type: 'damaged', data: { chunkIndex: 1 } };
    await expect(world.readChunk(id, 1)).rejects.toMatchObject(fault);
    expect(world.events).toEqual(['damaged 1']);
  });

  it('is told once, however often it is asked for, and anew when it was mended meanwhile', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    const readBroken = () => expect(world.readChunk(id, 1)).rejects.toMatchObject({ type: 'damaged' });
    const damageBoth = () => [world.store, world.other].map((store) => world.damage(fileId, 1, store));
    damageBoth();
    for (let attempt = 0; attempt < 3; attempt += 1) await readBroken();
    expect(world.events).toEqual(['damaged 1']);
    expect(world.engine.mending.counts.damagedChunks).toBe(1);
    world.other.files.get(fileId)?.chunks.set(1, bytesOf(1));
    await world.readChunk(id, 1);
    damageBoth();
    for (let attempt = 0; attempt < 3; attempt += 1) await readBroken();
    expect(world.events).toEqual(['damaged 1', 'repaired 1', 'damaged 1']);
    expect(world.engine.mending.counts).toMatchObject({ repairedChunks: 1, damagedChunks: 2 });
  });

  it('is worth another try when the node with the copy does not answer', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.damage(fileId, 1);
    world.isOtherUp = false;
    await expect(world.readChunk(id, 1)).rejects.toMatchObject({ type: 'unavailable', retryAfterSeconds: 5 });
    world.isOtherUp = true;
    expect((await world.readChunk(id, 1)).equals(bytesOf(1))).toBe(true);
  });

  it('is mended from a node that answers while nobody can say who else there is, and named damaged by nobody', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.holders = async (_row, scope) => {
      if (scope === 'named') return [];
      throw new PeerLinkError('unavailable', 'no database');
    };
    world.damage(fileId, 1);
    await expect(world.readChunk(id, 1)).rejects.toMatchObject({ type: 'unavailable' });
    expect(world.events).toEqual([]);
    world.answering = ['node-b'];
    expect((await world.readChunk(id, 1)).equals(bytesOf(1))).toBe(true);
    expect([world.bytes(fileId, 1), world.events]).toEqual([bytesOf(1), ['repaired 1']]);
  });
});

describe('a copy of other bytes', () => {
  const WRONG = Buffer.alloc(CHUNK, 77);

  it('mends nothing, and the next node is asked', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.damage(fileId, 1);
    world.holders = async () => ['node-c', 'node-b'];
    world.wrong.set('node-c', WRONG);
    expect((await world.readChunk(id, 1)).equals(bytesOf(1))).toBe(true);
    expect(world.bytes(fileId, 1)).toEqual(bytesOf(1));
    world.damage(fileId, 1);
    world.wrong.set('node-b', WRONG);
    await expect(world.readChunk(id, 1)).rejects.toMatchObject({ type: 'damaged' });
    expect(world.bytes(fileId, 1)).not.toEqual(WRONG);
  });

  it('is not stored in place of a file that is gone', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.store.files.delete(fileId);
    world.start(true);
    world.holders = async () => ['node-c', 'node-b'];
    world.wrong.set('node-c', WRONG);
    const transfer = await world.engine.load(id);
    expect(await world.engine.useFile(transfer, transfer.file(0), 'read')).toBeNull();
    await waitFor('it is back', 5_000, () => world.engine.holdsAll(transfer, transfer.file(0)));
    expect(world.wrongReadCount).toBe(3);
    expect([0, 1, 2].map((index) => world.bytes(fileId, index))).toEqual([0, 1, 2].map(bytesOf));
  });
});

describe('a sealed file that is gone from the disk', () => {
  it('is fetched again in the background, whole', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.store.files.delete(fileId);
    world.start(true);
    const transfer = await world.engine.load(id);
    expect(await world.engine.useFile(transfer, transfer.file(0), 'read')).toBeNull();
    await waitFor('it is back', 5_000, () => world.engine.holdsAll(transfer, transfer.file(0)));
    expect([0, 1, 2].map((index) => world.bytes(fileId, index))).toEqual([0, 1, 2].map(bytesOf));
  });

  it('is not called damaged bytes: a replica that is not in sync yet never had it', async () => {
    const world = new World();
    const { id, fileId } = await world.file();
    world.store.files.delete(fileId);
    world.start(true);
    const transfer = await world.engine.load(id);
    await world.engine.useFile(transfer, transfer.file(0), 'read');
    await waitFor('it is back', 5_000, () => world.engine.holdsAll(transfer, transfer.file(0)));
    expect(world.events).toEqual([]);
    expect(world.engine.mending.counts.repairedChunks).toBe(0);
  });
});

/** A transfer of one file of one chunk that the other node has and this one is yet to write. */
async function withOneChunkToCome() {
  const world = new World();
  const fileId = randomId(22);
  const geometry = { chunkSizeBytes: CHUNK, sizeBytes: CHUNK };
  const { id } = (await insertTransfer(world.repository, { files: [{ id: fileId, ...geometry }] })).transfer;
  const copy = await world.other.create(fileId, geometry);
  await copy.commitChunk(0, await copy.writeChunk(0, [bytesOf(0)]));
  return { world, fileId, id };
}

describe('the scrub', () => {
  const scrubOf = (world: World, bytesPerSecond: number) =>
    new Scrub({
      engine: world.engine,
      store: world.store,
      repository: world.repository,
      bytesPerSecond,
      nowMs: () => world.nowMs,
      delay: async (ms) => {
        world.nowMs += ms;
      },
    });

  const none = { nodeId: 'node-a', checkedChunks: 0, repairedChunks: 0, damagedChunks: 0 };

  it('finds and mends what nobody has read, and counts what no copy has, without ending', async () => {
    const world = new World();
    const [first, second] = [await world.file(), await world.file()];
    world.damage(first.fileId, 0);
    world.damage(second.fileId, 2);
    world.damage(second.fileId, 2, world.other);
    await scrubOf(world, 1e9).turn();
    expect(world.bytes(first.fileId, 0)).toEqual(bytesOf(0));
    expect(world.engine.mending.counts).toEqual({ scrubbedChunks: 6, repairedChunks: 1, damagedChunks: 1 });
    expect([...world.events].sort()).toEqual(['damaged 2', 'repaired 0']);
  });

  it('is not needed for a file of one chunk that was damaged before its digest: the seal mends it', async () => {
    const { world, fileId, id } = await withOneChunkToCome();
    const transfer = await world.engine.load(id);
    const file = transfer.file(0);
    const use = await world.engine.useFile(transfer, file, 'write');
    const value = await use?.stored.writeChunk(0, [bytesOf(0)]);
    if (value !== undefined) await use?.stored.commitChunk(0, value);
    use?.release();
    world.damage(fileId, 0);
    await world.engine.sealWhenComplete(transfer, file);
    expect([file.isSealed, world.bytes(fileId, 0)?.equals(bytesOf(0))]).toEqual([true, true]);
    expect(world.engine.mending.counts).toMatchObject({ repairedChunks: 1, damagedChunks: 0 });
  });

  it('mends a file of one chunk that was damaged between its digest and its sealing row', async () => {
    const { world, fileId, id } = await withOneChunkToCome();
    const seal = world.repository.sealFile.bind(world.repository);
    // The digest is of what was read; then the disk changes the bytes.
    world.repository.sealFile = (request) => {
      world.damage(fileId, 0);
      return seal(request);
    };
    const transfer = await world.engine.load(id);
    const file = transfer.file(0);
    await world.engine.writeChunk(transfer, file, { index: 0, bytes: [bytesOf(0)] });
    await world.engine.sealWhenComplete(transfer, file);
    expect([file.isSealed, world.bytes(fileId, 0)?.equals(bytesOf(0))]).toEqual([true, false]);
    await scrubOf(world, 1e9).turn();
    expect(world.bytes(fileId, 0)).toEqual(bytesOf(0));
    expect(world.engine.mending.counts).toEqual({ scrubbedChunks: 1, repairedChunks: 1, damagedChunks: 0 });
  });

  it('reads no faster than it may, and again only after a day', async () => {
    const world = new World();
    for (let count = 0; count < 4; count += 1) await world.file();
    const scrub = scrubOf(world, CHUNK);
    const startedMs = world.nowMs;
    await scrub.turn();
    // Twelve chunks at one a second.
    expect(world.nowMs - startedMs).toBeGreaterThanOrEqual(11_000);
    await scrub.turn();
    expect(world.engine.mending.counts.scrubbedChunks).toBe(12);
    world.nowMs += 24 * 3600_000;
    await scrub.turn();
    expect(world.engine.mending.counts.scrubbedChunks).toBe(24);
  });

  it('that somebody asks for begins at once, also where none is made by itself, and says what it found', async () => {
    const world = new World();
    const { fileId } = await world.file();
    world.damage(fileId, 1);
    const scrub = scrubOf(world, 0);
    expect(scrub.status()).toEqual({ ...none, isRunning: false });
    scrub.ask();
    scrub.ask();
    expect(scrub.status()).toEqual({ ...none, isRunning: true });
    await scrub.turn();
    expect(scrub.status()).toEqual({ ...none, isRunning: false, checkedChunks: 3, repairedChunks: 1 });
    world.damage(fileId, 2);
    world.damage(fileId, 2, world.other);
    scrub.ask();
    await scrub.turn();
    expect(scrub.status()).toEqual({ ...none, isRunning: false, checkedChunks: 3, damagedChunks: 1 });
    scrub.stop();
    scrub.ask();
    expect(scrub.status().isRunning).toBe(false);
  });

  it('leaves alone what grows, what has ended and what the row does not name this node for', async () => {
    const world = new World();
    await world.file([0]);
    await world.repository.end((await world.file()).id, 'deleted');
    await world.repository.cas((await world.file()).id, 2, { homeNodeId: 'node-b' });
    await scrubOf(world, 1e9).turn();
    expect(world.engine.mending.counts.scrubbedChunks).toBe(0);
    await scrubOf(world, 0).turn();
  });
});

describe('after a reboot', () => {
  it('a home alone takes back what it lost from whoever has it, under a new generation', async () => {
    const world = new World();
    const { id, fileId } = await world.file([0, 1]);
    world.damage(fileId, 1);
    world.start(false);
    expect(await recoverHomes(world)).toBe(true);
    const transfer = await world.engine.load(id);
    // The chunk that only the other node has a value for came too: this one's value may be what was lost.
    expect(transfer.row).toMatchObject({ generation: 2, state: 'sealed' });
    expect(transfer.file(0).committedRanges()).toEqual([[0, 3]]);
    expect((await world.readChunk(id, 1)).equals(bytesOf(1))).toBe(true);
  });

  it('a home alone drops nothing while a node that may have it does not answer', async () => {
    const world = new World();
    const { id, fileId } = await world.file([0, 1]);
    world.damage(fileId, 1);
    world.start(false);
    world.isOtherUp = false;
    expect(await recoverHomes(world)).toBe(false);
    expect((await world.repository.findById(id))?.transfer.generation).toBe(1);
    expect(world.store.files.get(fileId)?.values.has(1)).toBe(true);
    world.isOtherUp = true;
    expect(await recoverHomes(world)).toBe(true);
    expect((await world.readChunk(id, 1)).equals(bytesOf(1))).toBe(true);
  });

  it('a home with a replica in sync asks it to take over, and serves nothing before', async () => {
    const world = new World();
    const { id } = await world.file([0, 1]);
    await world.repository.cas(id, 1, { replicaNodeId: 'node-b', replicaState: 'in_sync' });
    world.start(false);
    const transfer = await world.engine.load(id);
    const use = () => world.engine.useFile(transfer, transfer.file(0), 'read');
    await expect(use()).rejects.toMatchObject({ type: 'unavailable' });
    world.adopt = async () => {
      await world.repository.cas(id, 2, { homeNodeId: 'node-b', replicaNodeId: null, replicaState: 'none' });
    };
    await expect(use()).rejects.toMatchObject({ type: 'moved', data: { home: 'node-b' } });
    expect(world.adoptions).toEqual([id, id]);
    expect(await recoverHomes(world)).toBe(true);
  });

  it('a replica declares each open transfer, then verifies its copies, and is done when all of it worked', async () => {
    const world = new World();
    const { id, fileId } = await world.file([0, 1]);
    const sealed = await world.file();
    const change = { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'in_sync' } as const;
    await world.repository.cas(id, 1, change);
    await world.repository.cas(sealed.id, 2, change);
    world.damage(fileId, 1);
    world.start(false);
    const said: string[] = [];
    const boot = {
      declareSyncing: async (transferId: string) => void said.push(transferId),
      finishDeclaring: () => void said.push('finished'),
    };
    const { repository, store } = world;
    const ports = { engine: world.engine, repository, store, boot, isDiskTrusted: false };
    expect(await recoverStored(ports)).toBe(true);
    expect(said).toEqual([id, 'finished']);
    expect(world.store.files.get(fileId)?.values.ranges()).toEqual([[0, 1]]);
    world.start(false);
    const away = { ...boot, declareSyncing: () => Promise.reject(new PeerLinkError('unavailable', 'away')) };
    await expect(recoverStored({ ...ports, engine: world.engine, boot: away })).rejects.toMatchObject({
      type: 'unavailable',
    });
    expect(said).toHaveLength(2);
  });
});
