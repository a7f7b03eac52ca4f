import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore, MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { ChunkMap } from './chunk-map.ts';
import type { ChunkCopies } from './mending.ts';
import { recoverStored } from './recovery.ts';
import { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const geometry = { chunkSizeBytes: CHUNK, sizeBytes: 3 * CHUNK };
const bytesOf = (index: number, variant = 0) => Buffer.alloc(CHUNK, 1 + index + 16 * variant);
const LOST = { homeNodeId: 'node-b', replicaNodeId: null, replicaState: 'none' } as const;

/** This machine, `node-a`, which reboots, and `node-b`, which has the first two chunks of what it opened. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly store = new MemoryChunkStore(netIo);
  readonly other = new MemoryChunkStore(netIo);
  readonly faults: unknown[] = [];
  readonly declared: string[] = [];
  isOtherUp = true;
  adopt: (id: string) => Promise<void> = async () => {};
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
    if (isSound) engine.confirmDisk();
    return isSound;
  }

  /** An open file of three chunks, two of which were acknowledged. */
  async open(replicaNodeId: string | null): Promise<{ readonly id: string; readonly fileId: string }> {
    const [id, fileId] = [randomId(22), randomId(22)];
    const owner = { sessionId: null, ownerAddress: '::1', uploadTokenHash: new Uint8Array(32), senderName: null };
    const limits = { passwordHash: null, maxDownloads: null, idempotencyKey: null, requestHash: null };
    const rest = { digest: null, expectedDigest: null, mediaType: null, lastModifiedMs: null };
    const inserted = await this.repository.insert(
      { id, shareId: randomId(22), kind: 'share', homeNodeId: 'node-a', ...owner, ...limits },
      [{ id: fileId, index: 0, path: 'a', ...geometry, ...rest }],
      { maxOpen: 100, expiresInSeconds: 1e6 },
    );
    assert.equal(inserted.outcome, 'inserted');
    const transfer = await this.engine.load(id);
    const copy = await this.other.create(fileId, geometry);
    for (const index of [0, 1]) {
      await this.engine.writeChunk(transfer, transfer.file(0), { index, bytes: [bytesOf(index)] });
      await copy.writeAndCommitChunk(index, [bytesOf(index)]);
    }
    if (replicaNodeId !== null) await this.repository.cas(id, 1, { replicaNodeId, replicaState: 'in_sync' });
    return { id, fileId };
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
    return new TransferEngine({
      nodeId: 'node-a',
      repository: this.repository,
      store: this.store,
      nowMs: Date.now,
      isDiskTrusted,
      durability: 'process',
      copies: this.#copies(),
      askToAdopt: (row) => this.adopt(row.id),
      publishProgress: () => {},
      publishState: () => {},
      onFault: (_what, fault) => void this.faults.push(fault),
    });
  }

  #copies(): ChunkCopies {
    const opened = async (fileId: string) => {
      if (!this.isOtherUp) throw new PeerLinkError('unavailable', 'away');
      return this.other.open(fileId, geometry);
    };
    return {
      holders: async () => ['node-b'],
      values: async (_nodeId, _transfer, { row }) => ((await opened(row.id))?.values ?? null) as ChunkMap | null,
      read: async (_nodeId, _transfer, { row }, index) => {
        const stored = await opened(row.id);
        const buffer = Buffer.alloc(CHUNK);
        return stored !== null && (await stored.readChunk(index, buffer, CHUNK)) ? buffer : null;
      },
    };
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
