import { afterEach, describe, expect, it } from '@jest/globals';
import { Errors, ServiceBroker, type ServiceSchema } from 'moleculer';
import { brokerOptions } from '../../../moleculer.config.ts';
import { CLUSTER_PACE, clusterService } from '../../../services/cluster/cluster.service.ts';
import { createLeadership } from '../../../services/cluster/leadership.ts';
import type { ClusterRepository, LeaderLease, NodeRow } from '../../../services/cluster/ports.ts';
import type { EventName, Events } from '../../../services/contracts/actions.ts';
import { PeerLinkError } from '../../../services/contracts/errors.ts';
import { type Call, typedBroadcast, typedCall } from '../../../services/define-service.ts';
import { ManualClock, systemClock } from '../../../services/kernel/clock.ts';
import { createLogger } from '../../../services/logging.ts';
import { NodeDrain } from '../../../services/node/drain.ts';
import type { Measurements } from '../../../services/node/health.ts';
import { nodeService } from '../../../services/node/node.service.ts';
import { NodeMonitor } from '../../../services/node/node-monitor.ts';
import type { SampleRepository, TrafficSample } from '../../../services/stats/ports.ts';
import { statsService } from '../../../services/stats/stats.service.ts';
import { TrafficRecorder } from '../../../services/stats/traffic-history.ts';
import { TrafficMeter } from '../../../services/stats/traffic-meter.ts';
import { waitFor } from '../../support/waiting.ts';

const GIB = 1024 ** 3;
const log = createLogger({ level: 'silent' });
const brokers: ServiceBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

function makeBroker(): { broker: ServiceBroker; call: Call; heard: { name: string; payload: unknown }[] } {
  const broker = new ServiceBroker(brokerOptions({ nodeId: 'n1', clusterId: 'c1', log, transporter: null }));
  brokers.push(broker);
  const heard: { name: string; payload: unknown }[] = [];
  const events: EventName[] = ['cluster.leader.changed', 'node.state.changed'];
  broker.createService({
    name: 'listener',
    events: Object.fromEntries(
      events.map((name) => [
        name,
        { handler: (ctx: { params: unknown }) => void heard.push({ name, payload: ctx.params }) },
      ]),
    ) as NonNullable<ServiceSchema['events']>,
  });
  return { broker, call: typedCall(broker), heard };
}

/** The cluster's rows in memory; the Prisma adapter is held to the port by its own suite. */
function memoryCluster() {
  const rows = new Map<string, NodeRow>();
  let lease: LeaderLease | null = null;
  const repository: ClusterRepository = {
    identity: async () => ({ clusterId: 'c1', secret: new Uint8Array(32) }),
    announce: async ({ id, peerUrl, publicUrl, state }) =>
      void rows.set(id, { id, peerUrl, publicUrl, state, unseenMs: 0, isGivenUp: false }),
    listSecrets: async () => [],
    listNodes: async () => [...rows.values()],
    forgetNodes: async () => 0,
    markGone: async () => 0,
    giveUp: async () => null,
    singleCopies: async () => [],
    tryLead: async (nodeId, ttlMs) => {
      lease = {
        holderNodeId: nodeId,
        epoch: (lease?.epoch ?? 6) + (lease === null ? 1 : 0),
        expiresAt: new Date(Date.now() + ttlMs),
      };
      return lease;
    },
    resign: async () => {
      lease = null;
    },
    leader: async () => lease,
  };
  return { rows, repository };
}

/** Samples in memory; the Prisma adapter is held to the port by its own suite. */
function memorySamples(): SampleRepository & { readonly rows: TrafficSample[] } {
  const rows: TrafficSample[] = [];
  return {
    rows,
    add: async (samples) => void rows.push(...samples),
    between: async (fromMs, toMs) => rows.filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
  };
}

const well: Measurements = {
  eventLoopDelayP99Ms: 3,
  eventLoopUse: 0.25,
  memoryBytes: 111,
  diskFreeBytes: 50 * GIB,
  diskTotalBytes: 90 * GIB,
  isDatabaseUp: true,
  isBusUp: true,
  isRedisUp: true,
};

describe('the services of one node', () => {
  it('stats.node tells each value as it is now', async () => {
    const { broker, call } = makeBroker();
    const clock = new ManualClock();
    const meter = new TrafficMeter(clock);
    const now = { uploads: 1, downloads: 2, open: 3, sockets: 4 };
    const samples = memorySamples();
    broker.createService(
      statsService({
        nodeId: 'n1',
        meter,
        recorder: new TrafficRecorder('n1', 'r1', Date.now()),
        clock: systemClock,
        samples,
        activity: {
          activeUploads: () => now.uploads,
          activeDownloads: () => now.downloads,
          openTransfers: () => now.open,
          openDirectSends: () => 0,
          singleCopyTransfers: () => 0,
        },
        socketCount: () => now.sockets,
        nodeIds: () => ['n1', 'gone'],
        call,
        onFault: () => undefined,
      }),
    );
    await broker.start();
    expect(await call('stats.node', {})).toEqual({
      nodeId: 'n1',
      clientBytesIn: 0,
      clientBytesOut: 0,
      peerBytes: 0,
      bytesInPerSecond: 0,
      bytesOutPerSecond: 0,
      activeUploads: 1,
      activeDownloads: 2,
      openTransfers: 3,
      sockets: 4,
    });
    Object.assign(now, { uploads: 11, downloads: 12, open: 13, sockets: 14 });
    meter.add('in', 700);
    meter.add('out', 900);
    meter.addPeer(40);
    clock.advance(1000);
    const later = {
      nodeId: 'n1',
      clientBytesIn: 700,
      clientBytesOut: 900,
      peerBytes: 40,
      bytesInPerSecond: 700,
      bytesOutPerSecond: 900,
      activeUploads: 11,
      activeDownloads: 12,
      openTransfers: 13,
      sockets: 14,
    };
    expect(await call('stats.node', {})).toEqual(later);
    // A node that does not answer is left out.
    const { nodeId: _id, ...sums } = later;
    const answer = await call('stats.cluster', {});
    expect(answer).toMatchObject({ nodes: [later], total: sums, history: { stepSeconds: 10, nodes: [] } });
    // However often it is asked within a second, the nodes and the database are asked once.
    now.uploads = 20;
    expect(await call('stats.cluster', {})).toEqual(answer);
    // What was carried since the last step is kept for those who ask after this process.
    brokers.splice(0);
    await broker.stop();
    expect(samples.rows).toMatchObject([{ nodeId: 'n1', clientBytesIn: 700, clientBytesOut: 900, peerBytes: 40 }]);
  });

  it('node.health tells what was measured, and each change of state is an event', async () => {
    const { broker, call, heard } = makeBroker();
    let found = well;
    const broadcast = typedBroadcast(broker);
    const monitor = new NodeMonitor(
      'n1',
      { measure: async () => found, uptimeSeconds: () => 42, close: () => undefined },
      (change) => broadcast('node.state.changed', change),
      systemClock,
    );
    broker.createService(nodeService({ monitor, drain: idleDrain(), onFault: () => undefined }));
    await broker.start();
    monitor.enter('serving');
    expect(await call('node.health', {})).toEqual({
      nodeId: 'n1',
      state: 'healthy',
      reasons: [],
      ...well,
      uptimeSeconds: 42,
    });
    found = { ...well, memoryBytes: 222, diskFreeBytes: 1000, isDatabaseUp: false };
    const degraded = await waitFor('the next look saw it', 10_000, async () => {
      const health = await call('node.health', {});
      return health.state === 'degraded' ? health : null;
    });
    expect(degraded).toMatchObject({ memoryBytes: 222, diskFreeBytes: 1000, isDatabaseUp: false });
    expect(degraded.reasons).toEqual([{ what: 'low_disk', freeBytes: 1000 }, { what: 'no_database' }]);
    const states = heard
      .filter(({ name }) => name === 'node.state.changed')
      .map(({ payload }) => (payload as Events['node.state.changed']).state);
    expect(states.slice(-2)).toEqual(['healthy', 'degraded']);
  }, 30_000);

  it('cluster.nodes shows the node with its real state and load, leader of itself, and forgets nothing it must do as leader', async () => {
    const { broker, call, heard } = makeBroker();
    const { rows, repository } = memoryCluster();
    const broadcast = typedBroadcast(broker);
    let found = well;
    let uploads = 0;
    const epochs: number[] = [];
    const monitor = new NodeMonitor(
      'n1',
      { measure: async () => found, uptimeSeconds: () => 1, close: () => undefined },
      (change) => broadcast('node.state.changed', change),
      systemClock,
    );
    const leadership = createLeadership('n1', repository, systemClock);
    broker.createService(nodeService({ monitor, drain: idleDrain(), onFault: () => undefined }));
    broker.createService(
      statsService({
        nodeId: 'n1',
        meter: new TrafficMeter(systemClock),
        recorder: new TrafficRecorder('n1', 'r1', Date.now()),
        clock: systemClock,
        samples: memorySamples(),
        activity: {
          activeUploads: () => uploads,
          activeDownloads: () => 0,
          openTransfers: () => 0,
          openDirectSends: () => 0,
          singleCopyTransfers: () => 0,
        },
        socketCount: () => 0,
        nodeIds: () => ['n1'],
        call,
        onFault: () => undefined,
      }),
    );
    broker.createService(
      clusterService({
        clusterId: 'c1',
        self: { id: 'n1', peerUrl: 'http://inner:1', publicUrl: 'https://n1.test', secretMark: 'm' },
        repository,
        leadership,
        pace: CLUSTER_PACE,
        hints: null,
        duties: [{ name: 'count', run: async ({ epoch }) => epochs.push(epoch) }],
        slots: { maxConcurrentUploads: 10, maxConcurrentDownloads: 10 },
        forgetAfterSeconds: 300,
        call,
        broadcast,
        onFault: () => undefined,
        log,
      }),
    );
    await broker.start();
    monitor.enter('serving');
    const shown = await waitFor('the node leads', 5_000, async () => {
      const cluster = await call('cluster.nodes', {});
      return cluster.nodes[0]?.isLeader && cluster.nodes[0].state === 'healthy' ? cluster : null;
    });
    expect(shown).toEqual({
      clusterId: 'c1',
      epoch: 7,
      nodes: [{ id: 'n1', publicUrl: 'https://n1.test', state: 'healthy', isLeader: true, load: 0.25 }],
    });
    expect(heard.map(({ name }) => name)).toContain('cluster.leader.changed');
    expect(await call('cluster.place', {})).toEqual({ nodeId: 'n1' });
    await waitFor('the row is healthy', 5_000, () => rows.get('n1')?.state === 'healthy');

    uploads = 8;
    found = { ...well, isDatabaseUp: false };
    await monitor.look();
    // The state is known at once, the load with the next report.
    expect((await call('cluster.nodes', {})).nodes[0]?.state).toBe('degraded');
    await waitFor('the load is reported', 5_000, async () => (await call('cluster.nodes', {})).nodes[0]?.load === 0.8);
    await waitFor('the row is degraded', 5_000, () => rows.get('n1')?.state === 'degraded');

    const other = { id: 'n2', peerUrl: 'http://inner:2', publicUrl: null, state: 'healthy' } as const;
    rows.set('n2', { ...other, unseenMs: 0, isGivenUp: false });
    const seen = async () => (await call('cluster.nodes', {})).nodes[1];
    expect(await waitFor('the other row is read', 5_000, seen)).toEqual({
      id: 'n2',
      publicUrl: null,
      state: 'left',
      isLeader: false,
      load: 0,
    });
    await waitFor('a duty was done under the epoch', 10_000, () => epochs.includes(7));

    brokers.splice(0);
    await broker.stop();
    expect(rows.get('n1')?.state).toBe('left');
    expect(await repository.leader()).toBeNull();
    expect(leadership.isLeader()).toBe(false);
  }, 30_000);
});

describe('the circuit breaker', () => {
  const { check } = brokerOptions({ nodeId: 'n1', clusterId: 'c1', log, transporter: null }).circuitBreaker ?? {};
  const from = (fault: Error, nodeID: string) => Object.assign(fault, { nodeID });

  it.each([
    ['another node that does not answer', new Errors.RequestTimeoutError({ action: 'a', nodeID: 'n2' }), true],
    ['a fault of another node', from(new PeerLinkError('internal', 'It failed.'), 'n2'), true],
    ['a refusal', from(new PeerLinkError('not_found', 'No.'), 'n2'), false],
    ['a full queue', from(new Errors.QueueIsFullError({ action: 'a', nodeID: 'n2', size: 1, limit: 1 }), 'n2'), false],
    ['this very node, too slow', new Errors.RequestTimeoutError({ action: 'a', nodeID: 'n1' }), false],
    ['a fault of our own', new PeerLinkError('internal', 'It failed.'), false],
  ])('counts %s: %s', (_what, fault, isCounted) => {
    expect(check?.(fault)).toBe(isCounted);
  });

  it('stays shut however many ask at once', async () => {
    const { broker } = makeBroker();
    broker.createService({
      name: 'slow',
      actions: { look: { bulkhead: { enabled: true, concurrency: 1, maxQueueSize: 1 }, handler: async () => 'seen' } },
    });
    await broker.start();
    const found = await Promise.allSettled(Array.from({ length: 100 }, () => broker.call('slow.look')));
    expect(found.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(90);
    expect(await broker.call('slow.look')).toBe('seen');
  });
});

describe('an error', () => {
  it('keeps its class, type, data and Retry-After when the bus takes it apart and puts it together', async () => {
    const { broker } = makeBroker();
    const regenerator = brokerOptions({ nodeId: 'n1', clusterId: 'c1', log, transporter: null }).errorRegenerator;
    regenerator?.init(broker);
    const plain = JSON.parse(
      JSON.stringify(
        regenerator?.extractPlainError(
          new PeerLinkError('slots_held', 'All are held.', { data: { slots: 2 }, retryAfterSeconds: 9 }),
        ),
      ),
    );
    const again = regenerator?.restore(plain, { nodeID: 'n2' });
    expect(again).toBeInstanceOf(PeerLinkError);
    expect(again).toMatchObject({
      type: 'slots_held',
      message: 'All are held.',
      data: { slots: 2 },
      retryAfterSeconds: 9,
      status: 429,
    });
  });
});

/** Of a node that has no transfers. */
function idleDrain(): NodeDrain {
  return new NodeDrain({
    nodeId: 'node-a',
    isAlone: false,
    isAnyOther: async () => true,
    enterDraining: () => undefined,
    enterLeft: () => undefined,
    handOver: async () => true,
    releaseReplicas: async () => undefined,
    delay: async () => undefined,
    countHomes: async () => ({ homeCount: 0, singleCopyCount: 0 }),
    countStranded: async () => 0,
    onFault: () => undefined,
  });
}
