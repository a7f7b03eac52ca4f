import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import { waitFor } from '../../../test/support/waiting.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { TransferRow } from '../ports.ts';
import { FillSlots } from './fill-slots.ts';
import { HomeSide } from './home-side.ts';
import type { ReplicaChannel } from './ports.ts';

const LATE = new Promise<never>(() => {});

/** Turns of the loop in which everything comes to rest that waits for no time. */
const TURNS_TO_REST = 50;

/** Homes of one process whose replicas answer when they are let. */
class World {
  readonly repository = new MemoryTransferRepository(() => 0);
  readonly opened = new Map<string, () => void>();
  /** What the home is told by an answer that comes bit by bit. */
  readonly heard = new Map<string, () => void>();
  nowMs = 0;
  /** Replicas answer without being let. */
  isAnsweredAtOnce = false;
  openingCount = 0;
  mostOpeningAtOnce = 0;
  #timers: { readonly atMs: number; readonly ring: () => void }[] = [];
  readonly #slots = new FillSlots();

  async home(replicaNodeId: string | null = null): Promise<{ readonly id: string; readonly home: HomeSide }> {
    const { transfer: row } = await insertTransfer(this.repository, {
      homeNodeId: 'home',
      ...(replicaNodeId !== null && { ownership: { replicaNodeId, replicaState: 'in_sync' } }),
    });
    const transfer = {
      row,
      fileCount: 1,
      isVerified: true,
      chunkSizeBytes: () => 1024,
      values: async () => new ChunkMap(),
      readChunk: async () => [],
      obey: async (newer: TransferRow) => {
        const before = transfer.row;
        transfer.row = newer;
        home.learn(before);
      },
    };
    const home: HomeSide = new HomeSide(
      {
        nodeId: 'home',
        replicationFactor: 2,
        repository: this.repository,
        connector: {
          open: ({ transferId, onHeard = () => {} }) =>
            new Promise<ReplicaChannel>((resolve) => {
              const channel: ReplicaChannel = { values: new Map(), send: () => LATE, close: () => {} };
              this.heard.set(transferId, onHeard);
              this.openingCount += 1;
              this.mostOpeningAtOnce = Math.max(this.mostOpeningAtOnce, this.openingCount);
              const open = () => {
                this.openingCount -= 1;
                resolve(channel);
              };
              this.opened.set(transferId, open);
              if (this.isAnsweredAtOnce) setImmediate(open);
            }),
        },
        placement: { choose: async (exclude) => ['one', 'other'].find((id) => !exclude.includes(id)) ?? null },
        slots: this.#slots,
        nowMs: () => this.nowMs,
        delay: (ms, signal) => this.#delay(ms, signal),
        onEvent: () => {},
      },
      transfer,
    );
    return { id: row.id, home };
  }

  #delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = { atMs: this.nowMs + ms, ring: resolve };
      this.#timers.push(timer);
      signal?.addEventListener('abort', () => {
        this.#timers = this.#timers.filter((known) => known !== timer);
        reject(new Error('no more waited for'));
      });
    });
  }

  /** Time passes, in steps of a second. */
  async pass(seconds: number, act: () => void = () => {}): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.nowMs += 1_000;
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
      for (const { ring } of due) ring();
      act();
      await settled();
    }
  }

  /** How many rows say this of their replica. */
  async count(replicaState: TransferRow['replicaState'], ids: readonly string[]): Promise<number> {
    const rows = await this.repository.refresh(ids);
    return rows.filter((row) => row.replicaState === replicaState).length;
  }
}

const settled = async () => {
  for (let turn = 0; turn < TURNS_TO_REST; turn += 1) await turnOfTheLoop();
};

describe('a process whose transfers have no second copy', () => {
  it('fills however many there are at one look, one after the other, when each is quickly done', async () => {
    const world = new World();
    world.isAnsweredAtOnce = true;
    const homes: Awaited<ReturnType<World['home']>>[] = [];
    for (let count = 0; count < 100; count += 1) homes.push(await world.home());
    for (const { home } of homes) void home.maintain();
    const ids = homes.map(({ id }) => id);
    await waitFor('all have a copy', 10_000, async () => (await world.count('in_sync', ids)) === ids.length);
    expect(world.mostOpeningAtOnce).toBe(4);
  });

  it('fills four at a time, the next with each that is done, and those being sent beside them', async () => {
    const world = new World();
    const homes: Awaited<ReturnType<World['home']>>[] = [];
    for (let count = 0; count < 30; count += 1) homes.push(await world.home());
    const ids = homes.map(({ id }) => id);
    const second = async () => {
      for (const { home } of homes) void home.maintain();
      await settled();
    };
    await second();
    await second();
    expect([world.opened.size, await world.count('syncing', ids)]).toEqual([4, 4]);
    const sent = await world.home();
    await sent.home.commit({ fileIndex: 0, chunkIndex: 0, value: new Uint8Array(32), bytes: [] }, async () => {});
    await settled();
    expect(world.opened.has(sent.id)).toBe(true);
    for (const open of [...world.opened.values()].slice(0, 2)) open();
    await settled();
    await second();
    expect([world.opened.size, await world.count('in_sync', ids), await world.count('syncing', ids)]).toEqual([
      7, 2, 4,
    ]);
    for (let turns = 0; turns < 10; turns += 1) {
      for (const open of world.opened.values()) open();
      await settled();
      await second();
    }
    expect(await world.count('in_sync', [...ids, sent.id])).toBe(31);
  });

  it('keeps each replica of a node that leaves until its turn to be replaced has come', async () => {
    const world = new World();
    const homes = [];
    for (let count = 0; count < 20; count += 1) homes.push(await world.home('one'));
    const ids = homes.map(({ id }) => id);
    const replaced = Promise.all(homes.map(({ home }) => home.replaceReplica('one')));
    await settled();
    expect([await world.count('in_sync', ids), await world.count('syncing', ids)]).toEqual([16, 4]);
    for (let turns = 0; turns < 10; turns += 1) {
      for (const open of world.opened.values()) open();
      await settled();
    }
    await replaced;
    const rows = await world.repository.refresh(ids);
    expect(new Set(rows.map((row) => `${row.replicaNodeId} ${row.replicaState}`))).toEqual(new Set(['other in_sync']));
  });
});

describe('a replica that takes long to say what it holds', () => {
  it('is waited for while its answer goes on, and detached when that stands still for 3 s', async () => {
    const world = new World();
    const [telling, silent] = [await world.home(), await world.home()];
    for (const { home } of [telling, silent]) void home.maintain();
    await settled();
    await world.pass(2);
    expect(await world.count('syncing', [silent.id])).toBe(1);
    await world.pass(2, world.heard.get(telling.id));
    expect(await world.count('none', [silent.id])).toBe(1);
    await world.pass(20, world.heard.get(telling.id));
    expect(await world.count('syncing', [telling.id])).toBe(1);
    world.opened.get(telling.id)?.();
    await settled();
    expect(await world.count('in_sync', [telling.id])).toBe(1);
  });

  it('is not waited for without end', async () => {
    const world = new World();
    const { id, home } = await world.home();
    void home.maintain();
    await settled();
    await world.pass(59, () => world.heard.get(id)?.());
    expect(await world.count('syncing', [id])).toBe(1);
    await world.pass(1, () => world.heard.get(id)?.());
    expect(await world.count('none', [id])).toBe(1);
  });
});
