import { describe, expect, it } from '@jest/globals';
import type { NodeHealth, NodeTraffic } from '../contracts/http.ts';
import type { NodeFlow, NodeSnapshot, OperatorNode, TransferActivity } from '../contracts/operator.ts';
import { ManualClock } from '../kernel/clock.ts';
import { EventRing } from './event-ring.ts';
import { Lookout } from './lookout.ts';
import type { NodeRowSeen } from './overview.ts';
import type { TransferRowShown } from './ports.ts';

const healthOf = (nodeId: string): NodeHealth => ({
  nodeId,
  state: 'healthy',
  reasons: [],
  eventLoopDelayP99Ms: 1,
  eventLoopUse: 0.25,
  memoryBytes: 100,
  diskFreeBytes: 50,
  diskTotalBytes: 100,
  isDatabaseUp: true,
  isBusUp: true,
  isRedisUp: true,
  uptimeSeconds: 9,
});
const trafficOf = (nodeId: string): NodeTraffic => ({
  ...{ nodeId, clientBytesIn: 1, clientBytesOut: 2, peerBytes: 3, bytesInPerSecond: 4, bytesOutPerSecond: 5 },
  ...{ activeUploads: 0, activeDownloads: 0, openTransfers: 0, sockets: 0 },
});
const row = (id: string, changes: Partial<TransferRowShown> = {}): TransferRowShown => ({
  ...{ id, kind: 'share', state: 'sealed', endReason: null, homeNodeId: 'a', replicaNodeId: 'b' },
  ...{
    isReplicaInSync: true,
    epoch: 3,
    fileCount: 1,
    totalBytes: 100,
    createdAt: `2026-01-01T00:00:0${id.length}.000Z`,
  },
  ...changes,
});

/** Nodes that reach each other by a bus and share rows, all in this process. */
function world(names: readonly string[]) {
  const clock = new ManualClock();
  const rows: NodeRowSeen[] = names.map((id) => ({ id, publicUrl: null, state: 'healthy', isGivenUp: false }));
  const shared = {
    present: [...names],
    silent: new Set<string>(),
    transfers: [] as TransferRowShown[],
    isAway: false,
    asked: 0,
    cursors: [] as unknown[],
    areRowsLate: false,
  };
  const flows = new Map<string, readonly NodeFlow[]>();
  const activity = new Map<string, readonly TransferActivity[]>();
  const listed: (readonly string[])[] = [];
  const rings = new Map(names.map((name) => [name, new EventRing(name)]));
  const nodes = new Map<string, Lookout>();
  const away = async <T>(value: T): Promise<T> => {
    if (shared.isAway) throw new Error('away');
    return value;
  };
  for (const nodeId of names) {
    const ports = {
      ...{ nodeId, clusterId: 'c', mode: 'cluster' as const, publicUrl: null, version: '2.0.0', clock },
      health: async () => healthOf(nodeId),
      traffic: async () => trafficOf(nodeId),
      loadOf: () => 0.5,
      flows: () => flows.get(nodeId) ?? [],
      transfers: () => activity.get(nodeId) ?? [],
      lease: () => ({ nodeId: 'a', epoch: 4 }),
      nodeIds: () => shared.present,
      ask: async (asked: string, after: Parameters<Lookout['snapshot']>[0]): Promise<NodeSnapshot> => {
        shared.asked += 1;
        shared.cursors.push(after);
        if (shared.silent.has(asked)) throw new Error('no answer');
        return (nodes.get(asked) as Lookout).snapshot(after);
      },
      rows: () => (shared.areRowsLate ? new Promise<never>(() => undefined) : away(rows)),
      shown: {
        list: async (ids: readonly string[]) => {
          listed.push(ids);
          return away(shared.transfers);
        },
        count: () => away({ transferCount: 7, singleCopyCount: 2, homeCounts: new Map([['b', 5]]) }),
      },
      history: async () => null,
    };
    nodes.set(nodeId, new Lookout(ports, rings.get(nodeId) as EventRing));
  }
  const overview = (name: string) => (nodes.get(name) as Lookout).overview();
  const next = (name: string) => {
    clock.advance(800);
    return overview(name);
  };
  return { clock, rows, shared, flows, activity, listed, rings, overview, next };
}

const shownOf = ({ nodes }: { readonly nodes: readonly OperatorNode[] }) =>
  nodes.map(({ health, isAnswering, isLeader, homeCount }) => [
    health.nodeId,
    health.state,
    isAnswering,
    isLeader,
    homeCount,
  ]);

describe('an overview', () => {
  it('shows every node with its own figures, the leader, and what the rows count', async () => {
    const { overview } = world(['a', 'b']);
    const found = await overview('b');
    expect(found).toMatchObject({
      clusterId: 'c',
      leader: { nodeId: 'a', epoch: 4 },
      transferCount: 7,
      singleCopyCount: 2,
    });
    expect(shownOf(found)).toEqual([
      ['a', 'healthy', true, true, 0],
      ['b', 'healthy', true, false, 5],
    ]);
    expect(found.nodes[0]).toMatchObject({ load: 0.5, traffic: { bytesInPerSecond: 4 }, version: '2.0.0' });
  });

  it('is made anew after 0.65 s, however many ask, and not before', async () => {
    const { overview, clock, shared } = world(['a', 'b', 'c']);
    const made = await Promise.all(Array.from({ length: 50 }, () => overview('a')));
    clock.advance(649);
    made.push(await overview('a'));
    expect(shared.asked).toBe(2);
    expect(new Set(made).size).toBe(1);
    clock.advance(1);
    expect(await overview('a')).not.toBe(made[0]);
    expect(shared.asked).toBe(4);
  });

  it('keeps the last snapshot of a node that does not answer, until its row says that it left or it is forgotten', async () => {
    const { next, overview, shared, rows } = world(['a', 'b', 'c']);
    await overview('b');
    shared.silent.add('a');
    const silent = await next('b');
    // Whose lease has not run out, but nobody leads.
    expect(silent.leader).toBeNull();
    expect(silent.nodes[0]).toMatchObject({ isAnswering: false, traffic: null, load: 0, version: '2.0.0' });
    expect(silent.nodes[0]?.health).toEqual(healthOf('a'));
    shared.present = ['b', 'c'];
    // A node that was never asked itself has them of the one that was.
    expect((await next('c')).nodes[0]?.health).toEqual(healthOf('a'));
    rows[0] = { id: 'a', publicUrl: null, state: 'left', isGivenUp: true };
    expect((await next('c')).nodes.map(({ isGivenUp }) => isGivenUp)).toEqual([true, false, false]);
    expect(shownOf(await next('c'))[0]).toEqual(['a', 'left', false, false, 0]);
    rows.shift();
    expect((await next('c')).nodes.map(({ health }) => health.nodeId)).toEqual(['b', 'c']);
  });

  it('shows a node that nobody has heard by its row alone', async () => {
    const { overview, rows } = world(['a']);
    rows.push({ id: 'z', publicUrl: 'https://z.example', state: 'healthy', isGivenUp: false });
    expect((await overview('a')).nodes[1]).toMatchObject({
      health: { nodeId: 'z', state: 'healthy', memoryBytes: 0 },
      publicUrl: 'https://z.example',
      isAnswering: false,
      version: '',
    });
  });

  it('adds up what two nodes counted of the same flow', async () => {
    const { overview, flows } = world(['a', 'b', 'c']);
    flows.set('a', [{ fromNodeId: 'a', toNodeId: 'b', bytesPerSecond: 10 }]);
    flows.set('b', [
      { fromNodeId: 'a', toNodeId: 'b', bytesPerSecond: 5 },
      { fromNodeId: 'b', toNodeId: 'c', bytesPerSecond: 1 },
    ]);
    expect((await overview('c')).flows).toEqual([
      { fromNodeId: 'a', toNodeId: 'b', bytesPerSecond: 15 },
      { fromNodeId: 'b', toNodeId: 'c', bytesPerSecond: 1 },
    ]);
  });

  it('lists what moves or is open first, with what homes committed and the readers of all nodes, and asks for those rows', async () => {
    const { overview, next, shared, activity, listed } = world(['a', 'b']);
    shared.transfers = [
      row('read'),
      row('newest'),
      row('open', { state: 'open', homeNodeId: 'b' }),
      row('unsaid', { state: 'open' }),
    ];
    activity.set('a', [{ id: 'read', committedBytes: 100, strip: '99', readerCount: 1 }]);
    activity.set('b', [
      { id: 'open', committedBytes: 40, strip: '09', readerCount: 0 },
      { id: 'read', committedBytes: null, strip: null, readerCount: 2 },
    ]);
    const { transfers } = await overview('a');
    expect(transfers.map((one) => [one.id, one.committedBytes, one.strip, one.readerCount])).toEqual([
      ['unsaid', null, null, 0],
      ['open', 40, '09', 0],
      // Sealed by its row: its strip is whole, whatever its home said a moment before.
      ['read', 100, null, 3],
      ['newest', 100, null, 0],
    ]);
    await next('a');
    expect(listed).toEqual([[], ['read']]);
  });

  it('shows what the rows last said while the database is away, and no history', async () => {
    const { overview, next, shared } = world(['a', 'b']);
    shared.transfers = [row('kept')];
    await overview('a');
    shared.isAway = true;
    shared.silent.add('b');
    const found = await next('a');
    expect(found.transfers.map(({ id }) => id)).toEqual(['kept']);
    expect(shownOf(found)).toEqual([
      ['a', 'healthy', true, true, 0],
      ['b', 'healthy', false, false, 5],
    ]);
    expect(found.history).toBeNull();
  });

  it('does not wait for rows that do not come', async () => {
    const { overview, shared } = world(['a', 'b']);
    shared.areRowsLate = true;
    expect((await overview('a')).nodes.map(({ health }) => health.nodeId)).toEqual(['a', 'b']);
  });

  it('has the events of all nodes, each asked for once', async () => {
    const { overview, next, rings, shared } = world(['a', 'b']);
    const event = { id: 'x', at: '2026-01-01T00:00:00.000Z', kind: 'elected', nodeId: 'a' } as const;
    const heard = { ...event, otherNodeId: null, transferId: null, facts: [{ what: 'epoch', epoch: 4 } as const] };
    rings.get('a')?.add(heard);
    expect((await overview('b')).events).toEqual([heard]);
    rings.get('a')?.add({ ...heard, id: 'y', at: '2026-01-01T00:00:01.000Z' });
    expect((await next('b')).events.map(({ id }) => id)).toEqual(['y', 'x']);
    expect(shared.cursors).toEqual([null, { runId: 'a', count: 1 }]);
    expect((await overview('a')).events.map(({ id }) => id)).toEqual(['y', 'x']);
  });
});
