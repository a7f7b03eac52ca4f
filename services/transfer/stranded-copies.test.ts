import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore, MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { randomId } from '../kernel/ids.ts';
import type { OwnershipChange } from './ports.ts';
import { countStranded } from './stranded-copies.ts';

/** What lies on the disk of `node-a`, and what the rows say of it. */
class World {
  readonly repository = new MemoryTransferRepository(() => 0);
  readonly store = new MemoryChunkStore(loadNetIo({ useNative: true }));
  readonly silent = new Set<string>();
  queryCount = 0;

  async stored(homeNodeId: string, change: OwnershipChange, fileCount = 1): Promise<string> {
    const id = randomId(22);
    const owner = { sessionId: null, ownerAddress: '::1', uploadTokenHash: new Uint8Array(32), senderName: null };
    const limits = { passwordHash: null, maxDownloads: null, idempotencyKey: null, requestHash: null };
    const rest = { digest: null, expectedDigest: null, mediaType: null, lastModifiedMs: null };
    const geometry = { chunkSizeBytes: 1024, sizeBytes: 10 };
    const files = Array.from({ length: fileCount }, (_, index) => ({ id: randomId(22), index, path: `${index}` }));
    const inserted = await this.repository.insert(
      { id, shareId: randomId(22), kind: 'share', homeNodeId, ...owner, ...limits },
      files.map((file) => ({ ...file, ...geometry, ...rest })),
      { maxOpen: 1e9, expiresInSeconds: 1e6 },
    );
    assert.equal(inserted.outcome, 'inserted');
    await this.repository.cas(id, 1, change);
    for (const file of files) await this.store.create(file.id, geometry);
    return id;
  }

  count(): Promise<number> {
    const { repository } = this;
    return countStranded({
      nodeId: 'node-a',
      store: this.store,
      repository: {
        fateOfFiles: (ids) => {
          this.queryCount += 1;
          return repository.fateOfFiles(ids);
        },
      },
      otherNodeIds: async () => ['node-b', 'node-c'],
      answers: async (id) => !this.silent.has(id),
    });
  }
}

const AT = (replicaNodeId: string | null, replicaState: 'none' | 'syncing' | 'in_sync') => ({
  replicaNodeId,
  replicaState,
});

describe('copies that nobody else may have', () => {
  it('are those of a home that does not answer, whatever the row says of this node', async () => {
    const world = new World();
    await world.stored('node-b', AT('node-a', 'in_sync'), 3);
    await world.stored('node-b', AT('node-a', 'syncing'));
    await world.stored('node-b', AT(null, 'none'));
    await world.stored('node-b', AT('node-c', 'syncing'));
    expect(await world.count()).toBe(0);
    expect(world.queryCount).toBe(0);
    world.silent.add('node-b');
    expect(await world.count()).toBe(4);
    expect(world.queryCount).toBe(1);
  });

  it('are not those that a home or another replica in sync has, that are at home here, or over', async () => {
    const world = new World();
    await world.stored('node-b', AT('node-c', 'in_sync'));
    await world.stored('node-c', AT('node-a', 'in_sync'));
    await world.stored('node-a', AT('node-b', 'in_sync'));
    await world.repository.end(await world.stored('node-b', AT('node-a', 'in_sync')), 'deleted');
    world.silent.add('node-b');
    expect(await world.count()).toBe(0);
    world.silent.add('node-c');
    expect(await world.count()).toBe(2);
  });
});
