import { randomInt } from 'node:crypto';
import type { ServiceSchema } from 'moleculer';
import { clusterService, type LeaderDuty } from '../cluster/cluster.service.ts';
import { createLeadership } from '../cluster/leadership.ts';
import { systemClock } from '../kernel/clock.ts';
import type { ActivityGauges } from '../kernel/traffic.ts';
import { createProcessSystemProbe } from '../node/adapters/process-system-probe.ts';
import { NodeMonitor } from '../node/node-monitor.ts';
import { createMemorySessionCache } from '../session/adapters/memory-session-cache.ts';
import { createPrismaSessionRepository } from '../session/adapters/prisma-session-repository.ts';
import { createSessions } from '../session/sessions.ts';
import { createPrometheusMetrics } from '../stats/adapters/prometheus.ts';
import { statsService } from '../stats/stats.service.ts';
import type { TrafficMeter } from '../stats/traffic-meter.ts';
import { type Common, nodesWith } from './common.ts';

/** Sessions that the leader removes in one turn; the next turn goes on. */
const EXPIRED_SESSIONS_A_TURN = 500;

/** What this node knows about itself and about who is here. */
export function composeSelf(common: Common, activity: ActivityGauges, meter: TrafficMeter) {
  const { config, directory, database, nodeId, broadcast, clusterRepository } = common;
  const leadership = createLeadership(nodeId, clusterRepository, systemClock);
  const probe = createProcessSystemProbe({
    dataDirectory: directory.path,
    isDatabaseUp: () => database.isUp(),
    isBusUp: () => common.bus?.isUp() ?? true,
  });
  const monitor = new NodeMonitor(nodeId, probe, (change) => broadcast('node.state.changed', change));
  const metrics = createPrometheusMetrics({
    traffic: () => meter.read(),
    activity,
    nodeState: async () => (await monitor.health()).state,
    disk: () =>
      monitor.last === null ? null : { freeBytes: monitor.last.diskFreeBytes, totalBytes: monitor.last.diskTotalBytes },
    eventLoopDelayP99Ms: () => monitor.last?.eventLoopDelayP99Ms ?? null,
    isLeader: () => leadership.isLeader(),
    peerBytes: () => meter.peerBytes,
    busRejections: () => common.bus?.rejections() ?? new Map(),
  });
  const sessionRepository = createPrismaSessionRepository(database);
  const sessions = createSessions({
    repository: sessionRepository,
    cache: createMemorySessionCache(),
    clock: systemClock,
    ttlSeconds: config.ttl.clientSessionSeconds,
    randomIndex: (bound) => randomInt(bound),
  });
  return { leadership, probe, monitor, metrics, sessions, sessionRepository };
}

type Self = ReturnType<typeof composeSelf>;

export function clusterOf(common: Common, { leadership, sessionRepository }: Self): ServiceSchema {
  const { config } = common;
  const deleteExpiredSessions: LeaderDuty = {
    name: 'delete expired sessions',
    run: async () => void (await sessionRepository.deleteExpired(EXPIRED_SESSIONS_A_TURN)),
  };
  return clusterService({
    clusterId: common.clusterId,
    self: { id: common.nodeId, peerUrl: config.node.peerUrl, publicUrl: config.node.publicUrl },
    repository: common.clusterRepository,
    leadership,
    duties: [deleteExpiredSessions],
    slots: config.limits,
    forgetAfterSeconds: config.ttl.heartbeatSeconds,
    call: common.call,
    broadcast: common.broadcast,
    onFault: common.onFault,
  });
}

export function statsOf(
  common: Common,
  activity: ActivityGauges,
  meter: TrafficMeter,
  socketCount: () => number,
): ServiceSchema {
  return statsService({
    nodeId: common.nodeId,
    meter,
    activity,
    socketCount,
    nodeIds: () => nodesWith(common.broker, 'stats'),
    call: common.call,
    onFault: (fault) => common.onFault('samples', fault),
  });
}
