import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import type { OwnershipChange } from './ports.ts';
import { countStranded } from './stranded-copies.ts';

/** What lies on the disk of `node-a`, and what the rows say of it. */
class World {
  readonly repository = new MemoryTransferRepository(() => 0);
  readonly store = new MemoryChunkStore(loadNetIo({ useNative: true }));
  readonly silent = new Set<string>();
  queryCount = 0;

  async stored(homeNodeId: string, ownership: OwnershipChange, fileCount = 1): Promise<string> {
    const blank = Array.from({ length: fileCount }, () => ({}));
    const { transfer, files } = await insertTransfer(this.repository, { homeNodeId, files: blank, ownership });
    for (const file of files) await this.store.create(file.id, file);
    return transfer.id;
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
