import { describe, expect, it } from '@jest/globals';
import { type GiveUpPorts, giveUp, type NodeRowLeft } from './give-up.ts';

const SINCE = new Date(Date.UTC(2026, 0, 1));
const LOSSES = { homeCount: 5, openLostCount: 2, sealedLostCount: 1, copyCount: 4 };

class World {
  rows: NodeRowLeft[] = [
    { id: 'here', state: 'healthy', unseenMs: 1_000, isGivenUp: false },
    { id: 'gone', state: 'healthy', unseenMs: 31_000, isGivenUp: false },
  ];
  answering: readonly string[] = ['here'];
  reached: readonly string[] = [];
  readonly done: string[] = [];
  readonly told: string[] = [];
  isSeenMeanwhile = false;
  readonly ports: GiveUpPorts = {
    nodeId: 'here',
    rows: async () => this.rows,
    answering: () => this.answering,
    isReached: async (nodeId) => this.reached.includes(nodeId),
    losses: async () => (this.done.length === 2 ? { ...LOSSES, openLostCount: 0 } : LOSSES),
    record: async (nodeId, seconds) => {
      this.done.push(`${nodeId} unseen for ${seconds} s`);
      return this.isSeenMeanwhile ? null : SINCE;
    },
    onGivenUp: (nodeId, since) => void this.told.push(`${nodeId} since ${since.toISOString()}`),
    endOpen: async () => void this.done.push('ended'),
  };

  change(change: Partial<NodeRowLeft>): void {
    this.rows = this.rows.map((row) => (row.id === 'gone' ? { ...row, ...change } : row));
  }
}

describe('giving up on a node', () => {
  it('says what it costs, and does nothing before it is confirmed', async () => {
    const world = new World();
    expect(await giveUp(world.ports, 'gone', false)).toEqual({ nodeId: 'gone', isGivenUp: false, ...LOSSES });
    expect([world.done, world.told]).toEqual([[], []]);
  });

  it('is recorded, told, then ends what is open and lost; again is no fault', async () => {
    const world = new World();
    const wanted = { nodeId: 'gone', isGivenUp: true, ...LOSSES, openLostCount: 0 };
    expect(await giveUp(world.ports, 'gone', true)).toEqual(wanted);
    expect(world.done).toEqual(['gone unseen for 30 s', 'ended']);
    world.done.splice(0);
    world.change({ isGivenUp: true });
    expect(await giveUp(world.ports, 'gone', true)).toEqual(wanted);
    expect(world.told).toEqual(Array(2).fill('gone since 2026-01-01T00:00:00.000Z'));
  });

  const refusals: readonly (readonly [why: string, nodeId: string, (world: World) => void, wanted: object])[] = [
    ['nobody knows it', 'nobody', () => {}, { type: 'not_found' }],
    ['it is this one', 'here', () => {}, { type: 'node_alive', message: /is the one you ask/ }],
    [
      'it answers the bus and another node',
      'gone',
      (world) => {
        world.answering = ['here', 'gone'];
        world.reached = ['gone'];
      },
      { type: 'node_alive', message: /answers\. It lives: drain it instead/ },
    ],
    [
      'it was killed a moment ago: the bus still names it, and nobody reaches it',
      'gone',
      (world) => {
        world.change({ unseenMs: 4_400 });
        world.answering = ['here', 'gone'];
      },
      { type: 'node_alive', retryAfterSeconds: 26, message: /was seen 4 s ago\. Ask again in 26 s/ },
    ],
    [
      'the bus still names it, and it was not seen for long',
      'gone',
      (world) => (world.answering = ['here', 'gone']),
      { type: 'node_alive', retryAfterSeconds: 10, message: /nobody reaches it.*Ask again in 10 s/ },
    ],
    [
      'it was seen a moment ago',
      'gone',
      (world) => world.change({ unseenMs: 12_400 }),
      { type: 'node_alive', retryAfterSeconds: 18, message: /was seen 12 s ago. Ask again in 18 s/ },
    ],
    ['another node reaches it', 'gone', (world) => (world.reached = ['gone']), { type: 'node_alive' }],
    [
      'it says that it left, and answers all the same',
      'gone',
      (world) => {
        world.change({ state: 'left' });
        world.reached = ['gone'];
      },
      { type: 'node_alive' },
    ],
  ];
  it.each(refusals)('is refused, looked at or confirmed, when %s', async (_why, nodeId, change, wanted) => {
    for (const isConfirmed of [false, true]) {
      const world = new World();
      change(world);
      const { message, ...rest } = wanted as { message?: RegExp };
      const fault = giveUp(world.ports, nodeId, isConfirmed);
      await expect(fault).rejects.toMatchObject(rest);
      await expect(fault).rejects.toThrow(message);
      expect([world.done, world.told]).toEqual([[], []]);
    }
  });

  it('is refused when the node is seen while it is looked at, and ends nothing then', async () => {
    const world = new World();
    world.isSeenMeanwhile = true;
    await expect(giveUp(world.ports, 'gone', true)).rejects.toMatchObject({ type: 'node_alive' });
    expect([world.done, world.told]).toEqual([['gone unseen for 30 s'], []]);
  });

  it('is told also when what is lost cannot be ended yet: it holds, and the leader ends it later', async () => {
    const world = new World();
    const ports = { ...world.ports, endOpen: () => Promise.reject(new Error('the database is away')) };
    await expect(giveUp(ports, 'gone', true)).rejects.toThrow('away');
    expect(world.told).toHaveLength(1);
  });

  it('need not wait for one that said that it leaves', async () => {
    const world = new World();
    world.change({ state: 'left', unseenMs: 500 });
    expect((await giveUp(world.ports, 'gone', true)).isGivenUp).toBe(true);
  });
});
