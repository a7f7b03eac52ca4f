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
import { recoverHomes } from './recovery.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (index: number) => Buffer.alloc(CHUNK, index + 1);
const geometry = { chunkSizeBytes: CHUNK, sizeBytes: 5 * CHUNK };
const ALL = [0, 1, 2, 3, 4];

/** This node, `node-a`; `node-r`, which the row names; and `node-x`, which it does not. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly store = new MemoryChunkStore(netIo);
  readonly others = new Map(['node-r', 'node-x'].map((id) => [id, new MemoryChunkStore(netIo)]));
  /** What was asked of whom: `values`, or the chunk's index. */
  readonly asked: string[] = [];
  readonly away = new Set<string>();
  readonly faults: unknown[] = [];
  isListed = true;
  givenUp: string | null = null;
  /** Reads that break, as `node-x 2`. */
  readonly broken = new Set<string>();
  /** Reads that bring other bytes than the node's list says. */
  readonly wrong = new Set<string>();
  engine: TransferEngine;

  constructor() {
    this.engine = this.start(true);
  }

  start(isDiskTrusted: boolean): TransferEngine {
    this.engine = memoryEngine({
      repository: this.repository,
      store: this.store,
      nowMs: Date.now,
      isDiskTrusted,
      copies: this.#copies(),
      onFault: (_what, fault) => void this.faults.push(fault),
    });
    return this.engine;
  }

  #copies(): ChunkCopies {
    const holders: ChunkCopies['holders'] = async (_row, scope) => {
      if (scope === 'named') return ['node-r'];
      if (!this.isListed) throw new PeerLinkError('unavailable', 'no database');
      return ['node-r', 'node-x'].filter((nodeId) => nodeId !== this.givenUp);
    };
    const copies = memoryCopies(holders, async (nodeId, file, asked) => {
      this.asked.push(`${nodeId} ${asked}`);
      const isBroken = this.away.has(nodeId) || this.broken.has(`${nodeId} ${asked}`);
      if (isBroken) throw new PeerLinkError('unavailable', 'away');
      return (await this.others.get(nodeId)?.open(file.id, file)) ?? null;
    });
    return {
      ...copies,
      read: async (nodeId, transfer, file, index) => {
        const bytes = await copies.read(nodeId, transfer, file, index);
        return this.wrong.has(`${nodeId} ${index}`) ? Buffer.alloc(CHUNK, 77) : bytes;
      },
      isGivenUp: async (nodeId) => nodeId === this.givenUp,
    };
  }

  /** A file of five chunks: those named are stored here, all of them at the nodes that have a copy. */
  async file(stored: readonly number[], copies: readonly string[]) {
    const fileId = randomId(22);
    const { id } = (await insertTransfer(this.repository, { files: [{ id: fileId, ...geometry }] })).transfer;
    for (const nodeId of copies) {
      const copy = await this.others.get(nodeId)?.create(fileId, geometry);
      for (const index of ALL) await copy?.writeAndCommitChunk(index, [bytesOf(index)]);
    }
    const transfer = await this.engine.load(id);
    for (const index of stored)
      await this.engine.writeChunk(transfer, transfer.file(0), { index, bytes: [bytesOf(index)] });
    await this.engine.sealWhenComplete(transfer, transfer.file(0));
    return { id, fileId };
  }

  rot(fileId: string, index: number): void {
    this.store.files.get(fileId)?.chunks.set(index, Buffer.alloc(CHUNK, 99));
  }

  bytes(fileId: string, index: number): Buffer | undefined {
    return this.store.files.get(fileId)?.chunks.get(index);
  }

  async mend(id: string, index: number): Promise<Buffer> {
    const transfer = await this.engine.load(id);
    const use = await this.engine.useFile(transfer, transfer.file(0), 'read');
    assert(use !== null);
    return this.engine.mending.mend(transfer, transfer.file(0), use.stored, index);
  }
}

describe('a damaged chunk that the nodes of the row have not', () => {
  it('is mended from any other node that has it', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, ['node-x']);
    world.rot(fileId, 1);
    expect((await world.mend(id, 1)).equals(bytesOf(1))).toBe(true);
    expect(world.bytes(fileId, 1)).toEqual(bytesOf(1));
    expect(world.asked).toEqual(['node-r 1', 'node-x 1']);
  });

  it('is not sought elsewhere while one that the row names has it', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, ['node-r', 'node-x']);
    world.rot(fileId, 1);
    world.isListed = false;
    await world.mend(id, 1);
    expect(world.asked).toEqual(['node-r 1']);
  });

  it('is no loss while a node that may have it is silent, or nobody can say who there is', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, []);
    world.rot(fileId, 1);
    world.away.add('node-x');
    await expect(world.mend(id, 1)).rejects.toMatchObject({ type: 'unavailable' });
    world.away.clear();
    world.isListed = false;
    await expect(world.mend(id, 1)).rejects.toMatchObject({ type: 'unavailable' });
    world.isListed = true;
    await expect(world.mend(id, 1)).rejects.toMatchObject({ type: 'damaged' });
  });

  it('is one when the operator gave up on the only node that is silent, also if the row still names it', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, []);
    world.rot(fileId, 1);
    world.away.add('node-r');
    await expect(world.mend(id, 1)).rejects.toMatchObject({ type: 'unavailable' });
    world.givenUp = 'node-r';
    await expect(world.mend(id, 1)).rejects.toMatchObject({ type: 'damaged' });
  });
});

describe('a sealed file that the nodes of the row have not', () => {
  it('comes back from any other node that has it whole', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, ['node-x']);
    world.store.files.delete(fileId);
    world.start(true);
    const transfer = await world.engine.load(id);
    expect(await world.engine.holdsAll(transfer, transfer.file(0))).toBe(false);
    await waitFor('it is back', 5_000, () => world.engine.holdsAll(transfer, transfer.file(0)));
    expect(ALL.map((index) => world.bytes(fileId, index))).toEqual(ALL.map(bytesOf));
  });

  it('is asked of a node that has become silent no more than three times', async () => {
    const world = new World();
    const { id, fileId } = await world.file(ALL, ['node-r', 'node-x']);
    world.store.files.delete(fileId);
    for (const index of ALL) world.broken.add(`node-r ${index}`);
    world.start(true);
    const transfer = await world.engine.load(id);
    await world.engine.holdsAll(transfer, transfer.file(0));
    await waitFor('it is back', 5_000, () => world.engine.holdsAll(transfer, transfer.file(0)));
    expect(world.asked.filter((what) => /^node-r \d/.test(what))).toHaveLength(3);
  });
});

describe('what a home alone lost in a reboot', () => {
  it('is waited for while the read of a chunk breaks, and taken when it does not', async () => {
    const world = new World();
    const { id } = await world.file([0, 1, 3, 4], ['node-x']);
    world.start(false);
    world.broken.add('node-x 2');
    expect(await recoverHomes(world)).toBe(false);
    expect((await world.repository.findById(id))?.transfer.generation).toBe(1);
    world.broken.clear();
    expect(await recoverHomes(world)).toBe(true);
    const transfer = await world.engine.load(id);
    expect(transfer.file(0).committedRanges()).toEqual([[0, 5]]);
  });

  it('is not taken from a node that has other bytes than it says', async () => {
    const world = new World();
    const { id, fileId } = await world.file([0, 1, 3, 4], ['node-r', 'node-x']);
    world.start(false);
    world.wrong.add('node-r 2');
    expect(await recoverHomes(world)).toBe(true);
    expect((await world.engine.load(id)).file(0).committedRanges()).toEqual([[0, 5]]);
    expect(world.bytes(fileId, 2)).toEqual(bytesOf(2));
  });

  it('never takes the place of what it still has: another node may have what was not acknowledged', async () => {
    const world = new World();
    const { id, fileId } = await world.file([0, 1, 3, 4], ['node-x']);
    const copy = await world.others.get('node-x')?.create(fileId, geometry);
    await copy?.writeAndCommitChunk(1, [Buffer.alloc(CHUNK, 55)]);
    world.start(false);
    expect(await recoverHomes(world)).toBe(true);
    expect((await world.engine.load(id)).file(0).committedRanges()).toEqual([[0, 5]]);
    expect(ALL.map((index) => world.bytes(fileId, index))).toEqual(ALL.map(bytesOf));
  });

  it('needs no node whose read breaks when another has the chunk', async () => {
    const world = new World();
    const { id } = await world.file([0, 1, 3, 4], ['node-r', 'node-x']);
    world.start(false);
    world.broken.add('node-r 2');
    expect(await recoverHomes(world)).toBe(true);
    expect((await world.engine.load(id)).file(0).committedRanges()).toEqual([[0, 5]]);
  });

  it.each([
    ['node-r', 'node-x'],
    ['node-x', 'node-r'],
  ])(
    'is sent again where %s, whoever is asked first, has other bytes than %s: nobody knows which were acknowledged',
    async (odd, even) => {
      const world = new World();
      const { id, fileId } = await world.file([0, 1, 4], [odd, even]);
      const copy = await world.others.get(odd)?.create(fileId, geometry);
      await copy?.dropChunk(2);
      await copy?.writeAndCommitChunk(2, [Buffer.alloc(CHUNK, 77)]);
      world.start(false);
      expect(await recoverHomes(world)).toBe(true);
      const transfer = await world.engine.load(id);
      // What both have alike, 3, came back.
      expect(transfer.file(0).committedRanges()).toEqual([
        [0, 2],
        [3, 5],
      ]);
      expect((await world.repository.findById(id))?.transfer.generation).toBe(2);
      await world.engine.writeChunk(transfer, transfer.file(0), { index: 2, bytes: [bytesOf(2)] });
      await world.engine.sealWhenComplete(transfer, transfer.file(0));
      expect(transfer.file(0).isSealed).toBe(true);
    },
  );
});
