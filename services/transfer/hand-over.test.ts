import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { handOverHomes } from './hand-over.ts';
import { FillSlots } from './replication/fill-slots.ts';
import { HomeSide } from './replication/home-side.ts';
import type { ReplicaChannel } from './replication/ports.ts';

/** Turns of the loop in which everything comes to rest that waits for no time. */
const TURNS_TO_REST = 30;

/** Time passes only while nothing else can happen. */
class World {
  nowMs = Date.UTC(2026, 0, 1);
  readonly #slots = new FillSlots();
  readonly #timers = new Set<{ readonly atMs: number; readonly ring: () => void }>();
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly faults: unknown[] = [];
  readonly asked: string[] = [];
  readonly places: (readonly string[])[] = [];
  hasOthers = true;
  pinged = async (_nodeId: string): Promise<boolean> => true;
  place: () => Promise<string | null> = async () => null;
  adopts: (id: string) => boolean = () => true;
  readonly engine = memoryEngine({
    repository: this.repository,
    nowMs: () => this.nowMs,
    askToAdopt: async (row) => {
      this.asked.push(row.id);
      if (!this.adopts(row.id)) throw new PeerLinkError('unavailable', 'away');
      const change = { homeNodeId: 'node-b', replicaNodeId: null, replicaState: 'none' } as const;
      await this.repository.cas(row.id, row.epoch, change);
    },
    createHomeSide: (transfer) =>
      new HomeSide(
        {
          nodeId: 'node-a',
          replicationFactor: 1,
          repository: this.repository,
          // It holds all there is: nothing.
          connector: { open: async () => emptyChannel() },
          slots: this.#slots,
          placement: {
            choose: (exclude) => {
              this.places.push(exclude);
              return this.place();
            },
          },
          nowMs: () => this.nowMs,
          delay: (ms, signal) => this.delay(ms, signal),
          onEvent: () => {},
        },
        transfer,
      ),
    onFault: (_what, fault) => void this.faults.push(fault),
  });

  async open(isInSync: boolean, sizeBytes: number | null = 1024): Promise<string> {
    const { transfer } = await insertTransfer(this.repository, {
      files: [{ sizeBytes }],
      ...(isInSync && { ownership: { replicaNodeId: 'node-b', replicaState: 'in_sync' } }),
    });
    return transfer.id;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = { atMs: this.nowMs + ms, ring: resolve };
      this.#timers.add(timer);
      signal?.addEventListener('abort', () => {
        this.#timers.delete(timer);
        reject(new Error('no more waited for'));
      });
    });
  }

  async handOver(limitMs: number, patienceMs: number): Promise<boolean> {
    let outcome: boolean | null = null;
    const done = handOverHomes(
      {
        engine: this.engine,
        repository: this.repository,
        hasOthers: () => this.hasOthers,
        answers: (nodeId) => this.pinged(nodeId),
        nowMs: () => this.nowMs,
        delay: (ms, signal) => this.delay(ms, signal),
      },
      limitMs,
      patienceMs,
    ).then((isEmpty) => {
      outcome = isEmpty;
    });
    for (;;) {
      for (let turn = 0; turn < TURNS_TO_REST && outcome === null; turn += 1) await turnOfTheLoop();
      if (outcome !== null) break;
      const [next] = [...this.#timers].sort((one, other) => one.atMs - other.atMs);
      if (next === undefined) throw new Error('nothing will ever happen any more');
      this.#timers.delete(next);
      this.nowMs = next.atMs;
      next.ring();
    }
    await done;
    return outcome;
  }
}

function emptyChannel(): ReplicaChannel {
  return { values: new Map(), send: async () => ({ kind: 'stored' }), close: () => {} };
}

const never = <T>() => new Promise<T>(() => {});

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

  it('waits for the seal of what turned out to have an end: only this process knows where', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.open(true, null));
    await world.engine.learnValues(transfer);
    transfer.file(0).learnSize(0);
    expect(await world.handOver(10_000, 0)).toBe(false);
    expect(world.asked).toEqual([]);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    expect(await world.handOver(10_000, 0)).toBe(true);
    expect(world.asked).toEqual([transfer.row.id]);
  });

  it('goes on when the database comes back', async () => {
    const world = new World();
    await world.open(true);
    world.repository.isUp = false;
    void world.delay(2_000).then(() => {
      world.repository.isUp = true;
    });
    expect(await world.handOver(10_000, 0)).toBe(true);
  });

  it('keeps a replica in sync that answers pings, however often it cannot take over', async () => {
    const world = new World();
    const id = await world.open(true);
    world.place = async () => 'node-c';
    world.adopts = () => false;
    expect(await world.handOver(10_000, 0)).toBe(false);
    expect(world.asked.length).toBeGreaterThan(5);
    expect(world.places).toEqual([]);
    const found = await world.repository.findById(id);
    expect(found?.transfer).toMatchObject({ homeNodeId: 'node-a', replicaNodeId: 'node-b', replicaState: 'in_sync' });
  });

  it('takes another replica once the one in sync has answered no ping for 3 s, and not for a restart', async () => {
    const world = new World();
    await world.open(true);
    world.place = async () => 'node-c';
    let isBack = false;
    world.adopts = () => isBack;
    world.pinged = async () => isBack;
    void world.delay(2_500).then(() => {
      isBack = true;
    });
    expect(await world.handOver(10_000, 0)).toBe(true);
    expect(world.places).toEqual([]);
    const id = await world.open(true);
    const goneAtMs = world.nowMs;
    let gaveUpAfterMs = 0;
    world.pinged = async () => false;
    world.place = async () => {
      gaveUpAfterMs ||= world.nowMs - goneAtMs;
      return 'node-c';
    };
    const asked: (string | null)[] = [];
    const transfer = await world.engine.load(id);
    world.adopts = () => {
      asked.push(transfer.row.replicaNodeId);
      return transfer.row.replicaNodeId === 'node-c';
    };
    expect(await world.handOver(10_000, 0)).toBe(true);
    expect((await world.repository.findById(id))?.transfer.homeNodeId).toBe('node-b');
    expect(gaveUpAfterMs).toBeGreaterThanOrEqual(3_000);
    expect(new Set(asked)).toEqual(new Set(['node-b', 'node-c']));
  });

  it('hands on what has a second copy while others wait for theirs, and ends with its time', async () => {
    const world = new World();
    const alone = [];
    for (let count = 0; count < 60; count += 1) alone.push(await world.open(false));
    const copied = [];
    for (let count = 0; count < 60; count += 1) copied.push(await world.open(true));
    world.place = never;
    const startedMs = world.nowMs;
    expect(await world.handOver(10_000, 0)).toBe(false);
    expect(world.nowMs - startedMs).toBe(10_000);
    expect([...world.asked].sort()).toEqual([...copied].sort());
    expect((await world.repository.countByHome('node-a')).homeCount).toBe(alone.length);
  });

  it('asks again for what failed once while others wait for a copy', async () => {
    const world = new World();
    for (let count = 0; count < 8; count += 1) await world.open(false);
    const id = await world.open(true);
    world.place = never;
    world.adopts = () => world.asked.length > 1;
    expect(await world.handOver(10_000, 0)).toBe(false);
    expect(world.asked).toEqual([id, id]);
  });

  it('fills a copy of what has none, then hands it on', async () => {
    const world = new World();
    const ids = [];
    for (let count = 0; count < 20; count += 1) ids.push(await world.open(false));
    world.place = async () => 'node-b';
    const startedMs = world.nowMs;
    expect(await world.handOver(10_000, 0)).toBe(true);
    expect([...world.asked].sort()).toEqual([...ids].sort());
    expect(world.nowMs - startedMs).toBeLessThan(1_000);
  });
});
