import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore, MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { randomId } from '../kernel/ids.ts';
import { handOverHomes } from './hand-over.ts';
import { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });

class World {
  nowMs = Date.UTC(2026, 0, 1);
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly faults: unknown[] = [];
  readonly asked: string[] = [];
  hasOthers = true;
  adopts: (id: string) => boolean = () => true;
  readonly engine = new TransferEngine({
    nodeId: 'node-a',
    repository: this.repository,
    store: new MemoryChunkStore(netIo),
    nowMs: () => this.nowMs,
    isDiskTrusted: true,
    durability: 'process',
    askToAdopt: async (row) => {
      this.asked.push(row.id);
      if (!this.adopts(row.id)) throw new PeerLinkError('unavailable', 'away');
      const change = { homeNodeId: 'node-b', replicaNodeId: null, replicaState: 'none' } as const;
      await this.repository.cas(row.id, row.epoch, change);
    },
    publishProgress: () => {},
    publishState: () => {},
    onFault: (_what, fault) => void this.faults.push(fault),
  });

  async open(isInSync: boolean, sizeBytes: number | null = 1024): Promise<string> {
    const id = randomId(22);
    const row = {
      id,
      shareId: randomId(22),
      kind: 'share' as const,
      homeNodeId: 'node-a',
      sessionId: null,
      ownerAddress: 'x',
      uploadTokenHash: new Uint8Array(32),
      passwordHash: null,
      maxDownloads: null,
      senderName: null,
      idempotencyKey: null,
      requestHash: null,
    };
    const file = { id: randomId(22), index: 0, path: 'a', sizeBytes, chunkSizeBytes: 1024 };
    const rest = { digest: null, expectedDigest: null, mediaType: null, lastModifiedMs: null };
    const inserted = await this.repository.insert(row, [{ ...file, ...rest }], { maxOpen: 1e9, expiresInSeconds: 1e6 });
    assert.equal(inserted.outcome, 'inserted');
    if (isInSync) await this.repository.cas(id, 1, { replicaNodeId: 'node-b', replicaState: 'in_sync' });
    return id;
  }

  handOver(limitMs: number, patienceMs: number): Promise<boolean> {
    return handOverHomes(
      {
        engine: this.engine,
        repository: this.repository,
        hasOthers: () => this.hasOthers,
        nowMs: () => this.nowMs,
        delay: async (ms) => {
          this.nowMs += ms;
        },
      },
      limitMs,
      patienceMs,
    );
  }
}

describe('handing homes over', () => {
  it('asks the replica of each, however many pages there are, and is done when none is left', async () => {
    const world = new World();
    const ids = [];
    for (let count = 0; count < 120; count += 1) ids.push(await world.open(true));
    expect(await world.handOver(10_000, 5_000)).toBe(true);
    expect([...world.asked].sort()).toEqual([...ids].sort());
    expect(await world.repository.countByHome('node-a')).toEqual({ homeCount: 0, singleCopyCount: 0, directCount: 0 });
  });

  it('tries again while a replica does not answer, and ends with its time', async () => {
    const world = new World();
    const id = await world.open(true);
    let tries = 0;
    world.adopts = () => {
      tries += 1;
      return tries > 3;
    };
    expect(await world.handOver(10_000, 0)).toBe(true);
    expect(world.asked).toEqual([id, id, id, id]);
    await world.open(false);
    const startedMs = world.nowMs;
    expect(await world.handOver(10_000, 0)).toBe(false);
    expect(world.nowMs - startedMs).toBe(10_000);
    expect(world.faults).toEqual([]);
  });

  it('does not wait where there is no other node', async () => {
    const world = new World();
    await world.open(false);
    world.hasOthers = false;
    const startedMs = world.nowMs;
    expect(await world.handOver(10_000, 5_000)).toBe(false);
    expect(world.nowMs).toBe(startedMs);
  });

  it('lets a body end within its patience, and one of unknown length for all of its time', async () => {
    const world = new World();
    const known = await world.engine.load(await world.open(true));
    const unknown = await world.engine.load(await world.open(true, null));
    for (const transfer of [known, unknown]) world.engine.holdAsWriter(transfer);
    unknown.file(0).hasSequentialBody = true;
    const startedMs = world.nowMs;
    let knownMovedAfterMs = 0;
    world.adopts = (id) => {
      if (id === known.row.id) knownMovedAfterMs = world.nowMs - startedMs;
      return true;
    };
    expect(await world.handOver(10_000, 5_000)).toBe(false);
    expect(knownMovedAfterMs).toBeGreaterThanOrEqual(5_000);
    expect(world.asked).toEqual([known.row.id]);
  });

  it('goes on when the database comes back', async () => {
    const world = new World();
    await world.open(true);
    world.repository.isUp = false;
    const done = handOverHomes(
      {
        engine: world.engine,
        repository: world.repository,
        hasOthers: () => true,
        nowMs: () => world.nowMs,
        delay: async (ms) => {
          world.nowMs += ms;
          if (world.nowMs - Date.UTC(2026, 0, 1) > 2_000) world.repository.isUp = true;
        },
      },
      10_000,
      0,
    );
    expect(await done).toBe(true);
  });
});
