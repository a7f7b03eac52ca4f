import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { ReplicaSide } from './replication/replica-side.ts';
import { takeOver } from './take-over.ts';

const EVERY_MS = 10_000;

/** A node, `node-a`, that holds what others are home of. */
class World {
  nowMs = 0;
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly faults: unknown[] = [];
  /** Nodes whose port answers nothing, and those of them that are heard of all the same. */
  readonly dead = new Set<string>();
  readonly heard = new Set<string>();
  probeCount = 0;
  readonly engine = memoryEngine({
    repository: this.repository,
    nowMs: () => this.nowMs,
    onFault: (_what, fault) => void this.faults.push(fault),
  });
  readonly #replica = new ReplicaSide({
    nodeId: 'node-a',
    repository: this.repository,
    load: (id) => this.engine.replicaTransfer(id),
    nowMs: () => this.nowMs,
    delay: () => new Promise<never>(() => {}),
    isDiskTrusted: true,
    isPowerSafe: false,
  });

  constructor() {
    this.engine.useReplicaSide(this.#replica);
  }

  /** A transfer of another home that this node is the replica of. */
  async held(
    homeNodeId: string,
    { isSealed, replicaState = 'in_sync' }: { isSealed: boolean; replicaState?: 'in_sync' | 'syncing' },
  ): Promise<string> {
    const digest = isSealed ? new Uint8Array(32).fill(1) : null;
    const ownership = { replicaNodeId: 'node-a', replicaState };
    const { transfer } = await insertTransfer(this.repository, { homeNodeId, files: [{ digest }], ownership });
    return transfer.id;
  }

  async turn(): Promise<void> {
    await takeOver({
      engine: this.engine,
      repository: this.repository,
      otherNodes: async () => ['node-b', 'node-c'].map((id) => ({ id, isHeardOf: this.heard.has(id) })),
      homes: this.#replica.homes,
      answers: async (id) => {
        this.probeCount += 1;
        return !this.dead.has(id);
      },
      promote: async (id, isHomeThere) => this.#replica.promote(await this.engine.replicaTransfer(id), isHomeThere),
      nowMs: () => this.nowMs,
    }).catch((fault: unknown) => void this.faults.push(fault));
  }

  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += EVERY_MS) await this.turn();
  }

  async rows(...ids: readonly string[]): Promise<readonly string[]> {
    const found = await this.repository.refresh(ids);
    return found.map((row) => `${row.homeNodeId} ${row.replicaNodeId} ${row.replicaState}`);
  }
}

const THEIRS = 'node-b node-a in_sync';
const OURS = 'node-a null none';

describe('what a node holds for a home that is gone', () => {
  it.each([true, false])('is its own after a minute, sealed (%s) or open, and not before', async (isSealed) => {
    const world = new World();
    const ids = [await world.held('node-b', { isSealed }), await world.held('node-b', { isSealed })];
    const syncing = await world.held('node-b', { isSealed, replicaState: 'syncing' });
    const others = await world.held('node-c', { isSealed });
    world.dead.add('node-b');
    await world.pass(60_000);
    expect(await world.rows(...ids)).toEqual([THEIRS, THEIRS]);
    await world.turn();
    expect(await world.rows(...ids)).toEqual([OURS, OURS]);
    expect(await world.rows(syncing, others)).toEqual(['node-b node-a syncing', 'node-c node-a in_sync']);
    expect(world.faults).toEqual([]);
  });

  it('costs one probe of each node a turn, however many transfers there are', async () => {
    const world = new World();
    for (let count = 0; count < 120; count += 1) await world.held('node-b', { isSealed: true });
    world.dead.add('node-b');
    await world.pass(70_000);
    expect((await world.repository.countByHome('node-a')).homeCount).toBe(120);
    expect(world.probeCount).toBe(14);
  });

  it('costs one statement a turn, however much this node holds for homes that live', async () => {
    const world = new World();
    for (let count = 0; count < 1_000; count += 1) await world.held('node-c', { isSealed: true });
    const left = await world.held('node-b', { isSealed: true, replicaState: 'syncing' });
    world.dead.add('node-b');
    await world.pass(70_000);
    const before = world.repository.statementCount;
    await world.turn();
    expect(world.repository.statementCount - before).toBe(1);
    expect(await world.rows(left)).toEqual(['node-b node-a syncing']);
  });
});

describe('a home that may live', () => {
  it('keeps what it has when it answered in between, and when this node did not look for long', async () => {
    const world = new World();
    const id = await world.held('node-b', { isSealed: true });
    world.dead.add('node-b');
    await world.pass(50_000);
    world.dead.clear();
    await world.turn();
    world.dead.add('node-b');
    await world.pass(50_000);
    expect(await world.rows(id)).toEqual([THEIRS]);
    // This process stood still: what a home did meanwhile nobody knows.
    world.nowMs += 31_000;
    await world.pass(60_000);
    expect(await world.rows(id)).toEqual([THEIRS]);
    await world.turn();
    expect(await world.rows(id)).toEqual([OURS]);
  });

  it('keeps what it has while bus or database hear of it: it is only this node that cannot reach it', async () => {
    const world = new World();
    const id = await world.held('node-b', { isSealed: true });
    world.dead.add('node-b');
    world.heard.add('node-b');
    await world.pass(600_000);
    expect(await world.rows(id)).toEqual([THEIRS]);
    world.heard.clear();
    await world.turn();
    expect(await world.rows(id)).toEqual([OURS]);
  });

  it('keeps what it has when it is back at the very moment of its being taken over', async () => {
    const world = new World();
    const id = await world.held('node-b', { isSealed: true });
    world.dead.add('node-b');
    await world.pass(60_000);
    const listInSync = world.repository.listInSync.bind(world.repository);
    // The list takes its time.
    world.repository.listInSync = async (...args) => {
      world.dead.clear();
      world.nowMs += 6_000;
      return listInSync(...args);
    };
    await world.turn();
    expect(await world.rows(id)).toEqual([THEIRS]);
  });

  it('keeps what it has while the database does not answer, which decides it', async () => {
    const world = new World();
    const id = await world.held('node-b', { isSealed: true });
    world.dead.add('node-b');
    world.repository.isUp = false;
    await world.pass(70_000);
    expect(world.faults.every((fault) => fault instanceof PeerLinkError && fault.type === 'unavailable')).toBe(true);
    world.repository.isUp = true;
    await world.turn();
    expect(await world.rows(id)).toEqual([OURS]);
  });
});
