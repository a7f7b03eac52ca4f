import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Service } from 'moleculer';
import { loadNetIo } from '../../native/index.ts';
import { MemoryChunkStore } from '../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { FillSlots } from './replication/fill-slots.ts';
import { HomeSide } from './replication/home-side.ts';
import { ReplicaSide } from './replication/replica-side.ts';
import { takeOver } from './take-over.ts';
import { type TransferServiceDeps, transferService } from './transfer.service.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A pause that a signal ends. */
const pause = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => reject(new Error('aborted')));
  });

/** The service of `node-a`, beside `node-b` and `node-c`, which are dead. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  /** What other nodes answer. */
  answer: () => Promise<unknown> = async () => ({ epoch: null });
  /** As the leader. */
  settleLost: (() => Promise<number>) | null = null;
  syncCount = 0;
  readonly store = new MemoryChunkStore(loadNetIo({ useNative: true }), undefined, async () => {
    this.syncCount += 1;
  });
  readonly #common = { nodeId: 'node-a', repository: this.repository, nowMs: Date.now, delay: pause };
  readonly engine = memoryEngine({
    ...this.#common,
    store: this.store,
    createHomeSide: (transfer) =>
      new HomeSide(
        {
          ...this.#common,
          replicationFactor: 1,
          connector: { open: () => new Promise<never>(() => {}) },
          placement: { choose: async () => 'node-d' },
          slots: new FillSlots(),
          onEvent: () => {},
        },
        transfer,
      ),
  });
  readonly #replica = new ReplicaSide({
    ...this.#common,
    load: (id) => this.engine.replicaTransfer(id),
    isDiskTrusted: true,
    isPowerSafe: false,
  });
  readonly #schema = transferService({
    engine: this.engine,
    repository: this.repository,
    store: this.store,
    directUpkeep: { report: async () => {} },
    scrub: { turn: async () => {}, stop: () => {} },
    leaderTerm: () => (this.settleLost === null ? null : { nodeId: 'node-a', epoch: 1 }),
    settleLost: () => this.settleLost?.(),
    leaderTurns: { turn: async () => 0 },
    goneNodeIds: async () => ['node-c'],
    takeOver: () =>
      takeOver({
        ...this.#common,
        engine: this.engine,
        otherNodes: async () => [{ id: 'node-b', isHeardOf: false }],
        homes: this.#replica.homes,
        answers: async () => false,
        promote: async (id, isHomeThere) => this.#replica.promote(await this.engine.replicaTransfer(id), isHomeThere),
      }),
    onCounted: () => {},
    isDiskTrusted: true,
    boot: null,
    onRecovered: async () => {},
    call: () => this.answer(),
    onFault: () => {},
  } as unknown as TransferServiceDeps);

  constructor() {
    this.engine.useReplicaSide(this.#replica);
  }

  async put(homeNodeId: string, replicaNodeId: string): Promise<void> {
    const files = [{ digest: new Uint8Array(32) }];
    const ownership = { replicaNodeId, replicaState: 'in_sync' } as const;
    await insertTransfer(this.repository, { homeNodeId, files, ownership });
  }

  /** Moleculer's part of a service's life. */
  call(step: 'started' | 'stopped'): Promise<void> {
    const act = this.#schema[step] as (this: Service) => Promise<void>;
    return act.call({} as Service);
  }
}

/** Whether the service has stopped half a second after it was asked to. */
async function isStoppedSoon(world: World): Promise<boolean> {
  let isStopped = false;
  void world.call('stopped').then(() => {
    isStopped = true;
  });
  await jest.advanceTimersByTimeAsync(500);
  return isStopped;
}

describe('a node that runs', () => {
  it('has put what was sealed on the medium within 30 s', async () => {
    const world = new World();
    const { transfer } = await insertTransfer(world.repository, {
      homeNodeId: 'node-a',
      files: [{ sizeBytes: 1024, chunkSizeBytes: 1024 }],
    });
    await world.call('started');
    const running = await world.engine.load(transfer.id);
    await world.engine.writeChunk(running, running.file(0), { index: 0, bytes: [Buffer.alloc(1024, 1)] });
    await world.engine.sealWhenComplete(running, running.file(0));
    expect(running.row.state).toBe('sealed');
    expect(world.syncCount).toBe(0);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(world.syncCount).toBe(1);
    await world.call('stopped');
  });
});

describe('a node that stops', () => {
  it.each([
    ['taking over', 'node-b', 'node-a'],
    ['replacing a copy', 'node-a', 'node-c'],
  ])('does not wait for the database in the middle of %s', async (_what, homeNodeId, replicaNodeId) => {
    const world = new World();
    await world.put(homeNodeId, replicaNodeId);
    let sentCount = 0;
    world.repository.cas = async () => {
      sentCount += 1;
      throw new PeerLinkError('unavailable', 'the database does not answer');
    };
    await world.call('started');
    await jest.advanceTimersByTimeAsync(100_000);
    // Sent again and again, until an answer is known.
    expect(sentCount).toBeGreaterThan(1);
    expect(await isStoppedSoon(world)).toBe(true);
  });

  it('does not wait for a home that does not answer whether a copy here is needed', async () => {
    const world = new World();
    const { files } = await insertTransfer(world.repository, { homeNodeId: 'node-b' });
    for (const { id } of files) await (await world.store.create(id, { chunkSizeBytes: 1024, sizeBytes: 1024 })).close();
    let askedCount = 0;
    world.answer = () => {
      askedCount += 1;
      return new Promise(() => {});
    };
    await world.call('started');
    await jest.advanceTimersByTimeAsync(61_000);
    expect(askedCount).toBe(1);
    expect(await isStoppedSoon(world)).toBe(true);
    expect(world.store.files.size).toBe(1);
  });

  it('does not wait for what the leader asks other nodes about transfers that are lost', async () => {
    const world = new World();
    let askedCount = 0;
    world.settleLost = () => {
      askedCount += 1;
      return new Promise(() => {});
    };
    await world.call('started');
    await jest.advanceTimersByTimeAsync(11_000);
    expect(askedCount).toBe(1);
    expect(await isStoppedSoon(world)).toBe(true);
  });

  it('takes nothing more over of what a turn has still before it', async () => {
    const world = new World();
    for (let count = 0; count < 50; count += 1) await world.put('node-b', 'node-a');
    await world.call('started');
    const cas = world.repository.cas.bind(world.repository);
    let takenCount = 0;
    const stopping = new Promise<void>((resolve) => {
      world.repository.cas = async (...args) => {
        takenCount += 1;
        if (takenCount === 3) resolve(world.call('stopped'));
        return cas(...args);
      };
    });
    await jest.advanceTimersByTimeAsync(100_000);
    await stopping;
    expect(takenCount).toBe(3);
    expect((await world.repository.countByHome('node-a')).homeCount).toBe(3);
  });
});
