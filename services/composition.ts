import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ServiceBroker, type ServiceSchema } from 'moleculer';
import type { Logger } from 'pino';
import { brokerOptions } from '../moleculer.config.ts';
import type { NetIo } from '../native/types.ts';
import { createPrismaClusterRepository } from './cluster/adapters/prisma-cluster-repository.ts';
import { clusterService, type LeaderDuty } from './cluster/cluster.service.ts';
import { createLeadership } from './cluster/leadership.ts';
import type { ClusterRepository } from './cluster/ports.ts';
import type { Config, ServiceName } from './config.ts';
import type { PublicLimits } from './contracts/http.ts';
import { MAX_EXPIRES_SECONDS, MAX_FILES_PER_TRANSFER, MAX_RUN_BYTES } from './contracts/limits.ts';
import type { DataDirectory } from './database/data-directory.ts';
import type { Database } from './database/database.ts';
import { type Broadcast, type Call, typedBroadcast, typedCall } from './define-service.ts';
import { createContextMaker } from './gateway/edge-context.ts';
import type { EdgeSettings } from './gateway/edge-settings.ts';
import { createGateway } from './gateway/gateway.service.ts';
import { answerFault } from './gateway/http-errors.ts';
import { createPages } from './gateway/pages.ts';
import type { Operations } from './gateway/ports.ts';
import { createRateLimits } from './gateway/rate-limit.ts';
import { createTickets } from './gateway/tickets.ts';
import { systemClock } from './kernel/clock.ts';
import type { ActivityGauges } from './kernel/traffic.ts';
import { listenOn } from './listen.ts';
import { createProcessSystemProbe } from './node/adapters/process-system-probe.ts';
import { nodeService } from './node/node.service.ts';
import { NodeMonitor } from './node/node-monitor.ts';
import { createMemorySessionCache } from './session/adapters/memory-session-cache.ts';
import { createPrismaSessionRepository } from './session/adapters/prisma-session-repository.ts';
import { sessionService } from './session/session.service.ts';
import { createSessions } from './session/sessions.ts';
import { createPrometheusMetrics, type Metrics } from './stats/adapters/prometheus.ts';
import { statsService } from './stats/stats.service.ts';
import { TrafficMeter } from './stats/traffic-meter.ts';
import { FsChunkStore } from './transfer/adapters/fs-chunk-store.ts';
import { createPrismaLeaseRepository } from './transfer/adapters/prisma-lease-repository.ts';
import { createPrismaTransferRepository } from './transfer/adapters/prisma-transfer-repository.ts';
import { createDataPlane } from './transfer/data-plane/create-data-plane.ts';
import type { EdgePorts } from './transfer/data-plane/data-plane.ts';
import { createPeers } from './transfer/peer/create-peers.ts';
import { createPlacement, nodeUrls } from './transfer/peer/placement.ts';
import type { TransferWithFiles } from './transfer/ports.ts';
import { transferService } from './transfer/transfer.service.ts';
import { TransferControl } from './transfer/transfer-control.ts';
import { TransferEngine } from './transfer/transfer-engine.ts';
import { readRelease, versionResponse } from './version.ts';

/** What main.ts opened before: each is closed by it, in the reverse order. */
export interface Foundation {
  readonly config: Config;
  readonly log: Logger;
  readonly netIo: NetIo;
  readonly directory: DataDirectory;
  readonly database: Database;
}

export interface ComposedNode {
  readonly broker: ServiceBroker;
  readonly version: string;
  /** Resolves to the port. Everything is up by then: the first /readyz is a 200. */
  listen(): Promise<number>;
  /**
   * Refuses new work, lets streams end, stops the services. Resolves at most shortly after `deadlineMs`, to the
   * number of transfers whose only copy stays in this slot; null when the database cannot tell.
   */
  drain(deadlineMs: number): Promise<number | null>;
}

/** What the parts below share. */
interface Common extends Foundation {
  readonly nodeId: string;
  readonly clusterId: string;
  /** The cluster's: grants, upload tokens and tickets are made from it. */
  readonly secret: Uint8Array;
  readonly clusterRepository: ClusterRepository;
  readonly broker: ServiceBroker;
  readonly call: Call;
  readonly broadcast: Broadcast;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** What is counted at the end for the operator: 10,000 transfers, then it is "at least". */
const COUNTED_A_PAGE = 200;
const MAX_COUNTED_PAGES = 50;

/** Sessions that the leader removes in one turn; the next turn goes on. */
const EXPIRED_SESSIONS_A_TURN = 500;

/** Builds every adapter and service of this node and starts them. */
export async function composeNode(foundation: Foundation): Promise<ComposedNode> {
  const { config } = foundation;
  const common = await prepare(foundation);
  const { broker } = common;
  const phase: Phase = { isServing: false, port: config.port };
  const meter = new TrafficMeter(systemClock);
  const edge = composeEdge(common, phase);
  const transfers = composeTransfers(common, edge.ports, meter);
  const self = composeSelf(common, transfers.dataPlane, meter);
  const release = readRelease(config.rootDirectory);
  const gateway = createGateway({
    ...edge,
    call: common.call,
    log: common.log,
    tickets: createTickets(common.secret, Date.now),
    dataPlane: transfers.dataPlane,
    operations: operationsOf(common, phase, self.metrics, release),
    metrics: self.metrics,
  });

  const schemas = {
    session: () => sessionService({ sessions: self.sessions, broadcast: common.broadcast }),
    node: () => nodeService({ monitor: self.monitor, onFault: (fault: unknown) => common.onFault('health', fault) }),
    stats: () => statsOf(common, transfers.dataPlane, meter, () => gateway.socketCount()),
    cluster: () => clusterOf(common, self),
    transfer: () => transfers.service(() => self.leadership.isLeader()),
    gateway: () => gateway.schema,
  } satisfies Record<ServiceName, () => ServiceSchema>;
  for (const name of config.services) broker.createService(schemas[name]());
  await Promise.all([broker.start(), edge.pages.loaded, self.monitor.look()]);

  return {
    broker,
    version: release.version,
    async listen() {
      self.monitor.enter('serving');
      phase.isServing = true;
      if (config.services.includes('gateway')) phase.port = await listenOn(gateway.server, config.port);
      return phase.port;
    },
    async drain(deadlineMs) {
      phase.isServing = false;
      self.monitor.enter('draining');
      gateway.server.close();
      const idle = setInterval(() => gateway.server.closeIdleConnections(), 100);
      await transfers.dataPlane.drain(deadlineMs);
      clearInterval(idle);
      const onlyCopies = await transfers.countOnlyCopies().catch(() => null);
      await broker.stop();
      gateway.server.closeAllConnections();
      transfers.closePeers();
      self.probe.close();
      return onlyCopies;
    },
  };
}

interface Phase {
  isServing: boolean;
  port: number;
}

async function prepare(foundation: Foundation): Promise<Common> {
  const { config, log, directory, database } = foundation;
  const { nodeId } = directory;
  const clusterRepository = createPrismaClusterRepository(database);
  const { clusterId, secret } = await clusterRepository.identity();
  await directory.bindCluster(clusterId);
  const broker = new ServiceBroker(brokerOptions({ nodeId, log, transporter: transporterOf(config) }));
  return {
    ...foundation,
    nodeId,
    clusterId,
    secret: config.clusterSecret === null ? secret : Buffer.from(config.clusterSecret),
    clusterRepository,
    broker,
    call: typedCall(broker),
    broadcast: typedBroadcast(broker),
    onFault: (what, fault) => log.warn({ err: fault, what }, 'background work failed'),
  };
}

/** The edge, as far as the door for bytes needs it before the gateway is there. */
function composeEdge(common: Common, phase: Phase) {
  const { config, log, call, clusterId, onFault } = common;
  const settings = edgeSettings(config, clusterId);
  const rateLimits = createRateLimits(settings.rateLimits);
  const pages = createPages(settings.pagesDirectory, [], (fault) => onFault('pages', fault));
  const makeContext = createContextMaker({
    settings,
    log,
    port: () => phase.port,
    resolveSession: (token, requestId) => call('session.resolve', { token }, { requestId }),
  });
  const ports: EdgePorts = {
    answerFault,
    answerPage: (req, res) => pages.answerIndex(req, res),
    consumeRate: (limit, context) => rateLimits.consume(limit, context.addressKey),
  };
  return { settings, rateLimits, pages, makeContext, ports };
}

/** Transfers: the engine, who may do what with it, and the door for bytes. */
function composeTransfers(common: Common, edge: EdgePorts, traffic: TrafficMeter) {
  const { config, netIo, directory, database, broadcast, onFault, log } = common;
  const repository = createPrismaTransferRepository(database);
  const store = new FsChunkStore(directory.path, netIo);
  const peers = config.isCluster
    ? createPeers({
        nodeId: common.nodeId,
        secret: common.secret,
        repository,
        netIo,
        isObfuscated: config.isStreamObfuscated,
        replicationFactor: config.replicationFactor,
        urlOf: nodeUrls(common.clusterRepository),
        placement: createPlacement({ nodeIds: () => nodesWith(common.broker, 'transfer'), call: common.call }),
        countBytes: (bytes) => traffic.addPeer(bytes),
        onForged: (reason) => log.warn({ reason }, 'a request under /peer/ was refused'),
        onOwnership: (event, transferId, replicaNodeId) => log.info({ event, transferId, replicaNodeId }, 'ownership'),
      })
    : null;
  const engine = new TransferEngine({
    nodeId: common.nodeId,
    repository,
    store,
    nowMs: Date.now,
    isDiskTrusted: directory.isSameBoot,
    durability: config.durability,
    ...(peers === null ? {} : { createHomeSide: (transfer) => peers.createHomeSide(transfer) }),
    publishProgress: (progress) => broadcast('transfer.progressed', progress),
    publishState: (change) => broadcast('transfer.state.changed', change),
    onFault,
  });
  const control = new TransferControl({
    engine,
    repository,
    secret: common.secret,
    limits: {
      maxFileBytes: config.limits.maxFileBytes,
      smallestChunkBytes: config.limits.minChunkBytes,
      defaultTtlSeconds: config.ttl.shareSessionSeconds,
      maxOpenTransfers: config.limits.maxConcurrentTransfers,
    },
    homePublicUrl: config.node.publicUrl,
  });
  const dataPlane = createDataPlane({
    createPeers: peers === null ? null : peers.attach(engine),
    engine,
    control,
    leases: createPrismaLeaseRepository(database),
    edge,
    traffic,
    maxConcurrentUploads: config.limits.maxConcurrentUploads,
    maxConcurrentDownloads: config.limits.maxConcurrentDownloads,
    maxFileBytes: config.limits.maxFileBytes,
  });
  const service = (isLeader: () => boolean) =>
    transferService({
      engine,
      control,
      repository,
      store,
      uploadTtlSeconds: config.ttl.uploadStateSeconds,
      isLeader,
      onRecovered: () => directory.confirmBoot(),
      onFault,
    });
  const countOnlyCopies = async (): Promise<number> => {
    let count = 0;
    let after: string | null = null;
    for (let page = 0; page < MAX_COUNTED_PAGES; page += 1) {
      const found: readonly TransferWithFiles[] = await repository.listByHome(common.nodeId, after, COUNTED_A_PAGE);
      count += found.filter(({ transfer }) => transfer.replicaState !== 'in_sync').length;
      after = found.at(-1)?.transfer.id ?? null;
      if (found.length < COUNTED_A_PAGE) break;
    }
    return count;
  };
  return { dataPlane, service, countOnlyCopies, closePeers: () => peers?.close() };
}

/** What this node knows about itself and about who is here. */
function composeSelf(common: Common, activity: ActivityGauges, meter: TrafficMeter) {
  const { config, directory, database, nodeId, broadcast, clusterRepository } = common;
  const leadership = createLeadership(nodeId, clusterRepository, systemClock);
  const probe = createProcessSystemProbe({
    dataDirectory: directory.path,
    isDatabaseUp: () => database.isUp(),
    isBusUp: () => true,
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

function clusterOf(common: Common, { leadership, sessionRepository }: Self): ServiceSchema {
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

function statsOf(
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

function operationsOf(
  { config, database, netIo }: Common,
  phase: Phase,
  metrics: Metrics,
  release: ReturnType<typeof readRelease>,
): Operations {
  return {
    readiness: async () => {
      const parts = { services: phase.isServing, database: await database.isUp() };
      return { isReady: Object.values(parts).every((isUp) => isUp), parts };
    },
    version: () => versionResponse(release, netIo.kernels(), database.kind, config.isCluster ? 'cluster' : 'embedded'),
    metricsText: () => metrics.text(),
  };
}

function edgeSettings(config: Config, clusterId: string): EdgeSettings {
  const limits: PublicLimits = {
    maxFileBytes: config.limits.maxFileBytes,
    maxFilesPerTransfer: MAX_FILES_PER_TRANSFER,
    maxRunBytes: MAX_RUN_BYTES,
    maxConcurrentUploads: config.limits.maxConcurrentUploads,
    maxConcurrentTransfers: config.limits.maxConcurrentTransfers,
    defaultExpirySeconds: config.ttl.shareSessionSeconds,
    maxExpirySeconds: MAX_EXPIRES_SECONDS,
    ackTimeoutMs: config.ackTimeoutMs,
    maxRetries: config.maxRetries,
  };
  return {
    clusterId,
    publicUrl: config.publicUrl,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    isCompressionEnabled: config.isCompressionEnabled,
    isMetricsEnabled: config.isMetricsEnabled,
    rateLimits: { windowSeconds: config.ttl.rateLimitWindowSeconds, ...config.rateLimits },
    limits,
    pagesDirectory: join(config.rootDirectory, 'frontend', 'dist'),
  };
}

function transporterOf(config: Config): string | Record<string, unknown> | null {
  if (!config.isCluster) return null;
  if (config.bus.transporter?.startsWith('nats://') === true) return config.bus.transporter;
  const { redis } = config;
  if (redis === null) return null;
  return {
    type: 'Redis',
    options: {
      host: redis.host,
      port: redis.port,
      db: redis.db,
      ...(redis.password === null ? {} : { password: redis.password }),
      // An outage longer than twenty tries must not end the process.
      maxRetriesPerRequest: null,
    },
  };
}

function nodesWith(broker: ServiceBroker, service: string): readonly string[] {
  const services = broker.registry.getServiceList({ onlyAvailable: true }) as { name: string; nodeID: string }[];
  return services.filter(({ name }) => name === service).map(({ nodeID }) => nodeID);
}
