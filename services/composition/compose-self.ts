import { randomInt } from 'node:crypto';
import type { ServiceSchema } from 'moleculer';
import type { Logger } from 'pino';
import { createRedisLeaderHints } from '../cluster/adapters/redis-leader-hints.ts';
import { CLUSTER_PACE, clusterService, type LeaderDuty, LONE_PACE } from '../cluster/cluster.service.ts';
import { createCopySuggestions } from '../cluster/copy-suggestions.ts';
import { CLUSTER_LEASE, createLeadership, LONE_LEASE } from '../cluster/leadership.ts';
import { randomId } from '../kernel/ids.ts';
import type { ActivityGauges } from '../kernel/traffic.ts';
import { createProcessSystemProbe } from '../node/adapters/process-system-probe.ts';
import { NodeMonitor, type StateChange } from '../node/node-monitor.ts';
import { createMemoryPresenceBoard } from '../session/adapters/memory-presence-board.ts';
import { createMemorySessionCache } from '../session/adapters/memory-session-cache.ts';
import { createPrismaSessionRepository } from '../session/adapters/prisma-session-repository.ts';
import { createRedisPresenceBoard } from '../session/adapters/redis-presence-board.ts';
import { createRedisSessionCache } from '../session/adapters/redis-session-cache.ts';
import { presenceService } from '../session/presence.service.ts';
import { Presence } from '../session/presence.ts';
import { sessionService } from '../session/session.service.ts';
import { createSessions } from '../session/sessions.ts';
import { createPrismaSampleRepository } from '../stats/adapters/prisma-sample-repository.ts';
import { createPrometheusMetrics, type MendingCounts } from '../stats/adapters/prometheus.ts';
import type { DirectMeter } from '../stats/direct-meter.ts';
import { statsService } from '../stats/stats.service.ts';
import { TrafficRecorder } from '../stats/traffic-history.ts';
import type { TrafficMeter } from '../stats/traffic-meter.ts';
import { isLone, type NodeCore, nodesWith } from './node-core.ts';
import { selfSettings } from './settings.ts';

const RUN_ID_LENGTH = 8;
/** Sessions that the leader removes in one turn; the next turn goes on. */
const EXPIRED_SESSIONS_A_TURN = 500;

const SUGGESTION_TIMEOUT_MS = 2_000;
/** A session's row in this process: one that is used all the time costs a query so often. */
const MEMORY_CACHED_MS = 2_000;
/** A session's row in Redis: longer than the minute after which a use is written down again. */
const REDIS_CACHED_MS = 120_000;

/** What this node knows about itself and about who is here. */
export function composeSelf(
  core: NodeCore,
  activity: ActivityGauges,
  meter: TrafficMeter,
  directMeter: DirectMeter,
  mending: () => MendingCounts,
) {
  const { config, directory, database, nodeId, broadcast, clock, clusterRepository } = core;
  const leadership = createLeadership(nodeId, clusterRepository, clock, isLone(core) ? LONE_LEASE : CLUSTER_LEASE);
  const probe = createProcessSystemProbe({
    dataDirectory: directory.path,
    isDatabaseUp: () => database.isUp(),
    isBusUp: () => core.bus?.isUp() ?? true,
    isRedisUp: () => core.redis?.isUp() ?? true,
    isSecretShared: () => core.secretWatch.isShared,
    onDiskFault: (fault) => core.onFault('disk', fault),
  });
  const onChange = (change: StateChange) => {
    logState(core.log, change);
    broadcast('node.state.changed', change);
  };
  const monitor = new NodeMonitor(nodeId, probe, onChange, clock);
  const sessionRepository = createPrismaSessionRepository(database);
  const presence = new Presence({
    nodeId,
    runId: randomId(RUN_ID_LENGTH),
    board:
      core.redis === null ? createMemoryPresenceBoard(clock) : createRedisPresenceBoard(core.redis, core.clusterId),
    clock,
    otherNodeIds: () => nodesWith(core.broker, 'presence').filter((id) => id !== nodeId),
    announce: () => broadcast('presence.changed', { nodeId }),
    later: (delayMs, act) => void setTimeout(act, delayMs).unref(),
    keep: (sessionIds) => sessions.keep(sessionIds),
    onFault: (fault) => core.log.debug({ err: fault }, 'who is online was not told or heard'),
  });
  const metrics = createPrometheusMetrics({
    traffic: () => meter.read(),
    activity,
    nodeState: async () => (await monitor.health()).state,
    disk: () =>
      monitor.last === null ? null : { freeBytes: monitor.last.diskFreeBytes, totalBytes: monitor.last.diskTotalBytes },
    eventLoopDelayP99Ms: () => monitor.last?.eventLoopDelayP99Ms ?? null,
    isLeader: () => leadership.isLeader(),
    direct: () => directMeter.read(),
    mending,
    busRejections: () => core.bus?.rejections() ?? new Map(),
    isRedisUp: () => (core.redis === null ? null : core.redis.isUp()),
    peopleCount: () => presence.countHere(),
  });
  const sessions = createSessions({
    repository: sessionRepository,
    ...(core.redis === null
      ? { cache: createMemorySessionCache(clock), cachedMs: MEMORY_CACHED_MS }
      : { cache: createRedisSessionCache(core.redis, core.clusterId, clock), cachedMs: REDIS_CACHED_MS }),
    onLookup: (result) => metrics.sessionLookedUp(result),
    clock,
    ...selfSettings(config).sessions,
    randomIndex: (bound) => randomInt(bound),
  });
  return { leadership, probe, monitor, metrics, sessions, sessionRepository, presence };
}

/** The log line that alerts about a degraded node point to: `reasons` say what to check. */
function logState(log: Logger, { state, before, reasons }: StateChange): void {
  if (state === 'degraded') log.warn({ state, before, reasons }, 'this node is degraded');
  else log.info({ state, before }, 'the state of this node has changed');
}

type Self = ReturnType<typeof composeSelf>;

export function clusterOf(core: NodeCore, { leadership, sessionRepository }: Self): ServiceSchema {
  const { config } = core;
  const { addresses, cluster } = selfSettings(config);
  const deleteExpiredSessions: LeaderDuty = {
    name: 'delete expired sessions',
    run: (term) => sessionRepository.deleteExpired(EXPIRED_SESSIONS_A_TURN, term),
  };
  return clusterService({
    clusterId: core.clusterId,
    self: { id: core.nodeId, secretMark: core.secretMark, ...addresses },
    repository: core.clusterRepository,
    leadership,
    hints: core.redis === null ? null : createRedisLeaderHints(core.redis, core.clusterId),
    pace: isLone(core) ? LONE_PACE : CLUSTER_PACE,
    duties: config.replicationFactor === 2 ? [deleteExpiredSessions, suggestCopies(core)] : [deleteExpiredSessions],
    ...cluster,
    call: core.call,
    broadcast: core.broadcast,
    onFault: core.onFault,
    log: core.log,
  });
}

function suggestCopies({ call, broker, clusterRepository }: NodeCore): LeaderDuty {
  const turn = createCopySuggestions({
    repository: clusterRepository,
    nodeIds: () => nodesWith(broker, 'transfer'),
    replicate: (nodeId, transferId) =>
      call('transfer.replicate', { transferId }, { nodeId, timeoutMs: SUGGESTION_TIMEOUT_MS }),
  });
  return {
    name: 'suggest copies',
    run: async () => {
      await turn();
      // No act to be told of: a suggestion changes no row, and is made again while a copy is missing.
      return 0;
    },
  };
}

export function presenceOf({ config, broker, onFault }: NodeCore, { sessions, presence }: Self): ServiceSchema {
  return presenceService({
    presence,
    sessions,
    tellHere: (name, payload) => void broker.broadcastLocal(name, payload),
    hasOtherNodes: config.isCluster,
    onFault: (fault) => onFault('presence', fault),
  });
}

export function sessionOf({ broadcast }: NodeCore, { sessions, presence }: Self): ServiceSchema {
  return sessionService({ sessions, presence, broadcast });
}

export function statsOf(
  core: NodeCore,
  activity: ActivityGauges,
  meter: TrafficMeter,
  socketCount: () => number,
): ServiceSchema {
  return statsService({
    nodeId: core.nodeId,
    meter,
    recorder: new TrafficRecorder(core.nodeId, randomId(RUN_ID_LENGTH), core.clock.now()),
    clock: core.clock,
    samples: createPrismaSampleRepository(core.database),
    activity,
    socketCount,
    nodeIds: () => nodesWith(core.broker, 'stats'),
    call: core.call,
    onFault: (fault) => core.onFault('samples', fault),
  });
}
