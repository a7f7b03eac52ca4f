import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ServiceBroker } from 'moleculer';
import type { Logger } from 'pino';
import { brokerOptions } from '../moleculer.config.ts';
import type { NetIo } from '../native/types.ts';
import { createPrismaClusterRepository } from './cluster/adapters/prisma-cluster-repository.ts';
import { clusterService } from './cluster/cluster.service.ts';
import { createLeadership } from './cluster/leadership.ts';
import type { Config, ServiceName } from './config.ts';
import type { PublicLimits } from './contracts/http.ts';
import { MAX_EXPIRES_SECONDS, MAX_FILES_PER_TRANSFER, MAX_RUN_BYTES } from './contracts/limits.ts';
import type { DataDirectory } from './database/data-directory.ts';
import type { Database } from './database/database.ts';
import { typedBroadcast, typedCall } from './define-service.ts';
import { createContextMaker } from './gateway/edge-context.ts';
import type { EdgeSettings } from './gateway/edge-settings.ts';
import { createGateway } from './gateway/gateway.service.ts';
import { answerFault } from './gateway/http-errors.ts';
import { createPages } from './gateway/pages.ts';
import type { Operations } from './gateway/ports.ts';
import { createRateLimits } from './gateway/rate-limit.ts';
import { createTickets } from './gateway/tickets.ts';
import { systemClock } from './kernel/clock.ts';
import { createProcessSystemProbe } from './node/adapters/process-system-probe.ts';
import { nodeService } from './node/node.service.ts';
import { NodeMonitor } from './node/node-monitor.ts';
import { createMemorySessionCache } from './session/adapters/memory-session-cache.ts';
import { createPrismaSessionRepository } from './session/adapters/prisma-session-repository.ts';
import { sessionService } from './session/session.service.ts';
import { createSessions } from './session/sessions.ts';
import { createPrometheusMetrics } from './stats/adapters/prometheus.ts';
import { statsService } from './stats/stats.service.ts';
import { TrafficMeter } from './stats/traffic-meter.ts';
import { FsChunkStore } from './transfer/adapters/fs-chunk-store.ts';
import { createPrismaLeaseRepository } from './transfer/adapters/prisma-lease-repository.ts';
import { createPrismaTransferRepository } from './transfer/adapters/prisma-transfer-repository.ts';
import { createDataPlane } from './transfer/data-plane/create-data-plane.ts';
import type { EdgePorts } from './transfer/data-plane/data-plane.ts';
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

export interface RunningNode {
  readonly broker: ServiceBroker;
  readonly port: number;
  readonly version: string;
  /** Refuses new work, lets streams end, stops the services. Resolves at most shortly after `deadlineMs`. */
  drain(deadlineMs: number): Promise<void>;
}

/** Sessions and rows that the leader removes in one turn; the next turn goes on. */
const EXPIRED_SESSIONS_A_TURN = 500;

/** Builds every adapter and service of this node, starts them and listens. */
export async function composeNode(foundation: Foundation): Promise<RunningNode> {
  const { config, log, netIo, directory, database } = foundation;
  const { nodeId } = directory;
  const clusterRepository = createPrismaClusterRepository(database);
  const { clusterId, secret: storedSecret } = await clusterRepository.identity();
  await directory.bindCluster(clusterId);
  const secret = config.clusterSecret === null ? storedSecret : Buffer.from(config.clusterSecret);

  const broker = new ServiceBroker(brokerOptions({ nodeId, log, transporter: null }));
  const call = typedCall(broker);
  const broadcast = typedBroadcast(broker);
  const onFault = (what: string, fault: unknown) => log.warn({ err: fault, what }, 'background work failed');

  // Transfers: the engine, its control and the door for bytes.
  const repository = createPrismaTransferRepository(database);
  const store = new FsChunkStore(directory.path, netIo);
  const engine = new TransferEngine({
    nodeId,
    repository,
    store,
    nowMs: Date.now,
    isDiskTrusted: directory.isSameBoot,
    durability: config.durability,
    publishProgress: (progress) => broadcast('transfer.progressed', progress),
    publishState: (change) => broadcast('transfer.state.changed', change),
    onFault,
  });
  const control = new TransferControl({
    engine,
    repository,
    secret,
    limits: {
      maxFileBytes: config.limits.maxFileBytes,
      smallestChunkBytes: config.limits.minChunkBytes,
      defaultTtlSeconds: config.ttl.shareSessionSeconds,
      maxOpenTransfers: config.limits.maxConcurrentTransfers,
    },
    homePublicUrl: config.node.publicUrl,
  });

  // The edge, as far as the door for bytes needs it.
  let listeningPort = config.port;
  const settings = edgeSettings(config, clusterId);
  const rateLimits = createRateLimits(settings.rateLimits);
  const pages = createPages(settings.pagesDirectory, [], (fault) => onFault('pages', fault));
  const edge: EdgePorts = {
    answerFault,
    answerPage: (req, res) => pages.answerIndex(req, res),
    consumeRate: (limit, context) => rateLimits.consume(limit, context.addressKey),
  };
  const meter = new TrafficMeter(systemClock);
  const dataPlane = createDataPlane({
    engine,
    control,
    leases: createPrismaLeaseRepository(database),
    edge,
    traffic: meter,
    maxConcurrentUploads: config.limits.maxConcurrentUploads,
    maxConcurrentDownloads: config.limits.maxConcurrentDownloads,
    maxFileBytes: config.limits.maxFileBytes,
  });

  // What this node knows about itself.
  const leadership = createLeadership(nodeId, clusterRepository, systemClock);
  const probe = createProcessSystemProbe({
    dataDirectory: directory.path,
    isDatabaseUp: () => database.isUp(),
    isBusUp: () => true,
  });
  const monitor = new NodeMonitor(nodeId, probe, (change) => broadcast('node.state.changed', change));
  const metrics = createPrometheusMetrics({
    traffic: () => meter.read(),
    activity: dataPlane,
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

  const release = readRelease(config.rootDirectory);
  const phase: { isServing: boolean } = { isServing: false };
  const operations: Operations = {
    readiness: async () => {
      const parts = { services: phase.isServing, database: await database.isUp() };
      return { isReady: Object.values(parts).every((isUp) => isUp), parts };
    },
    version: () => versionResponse(release, netIo.kernels(), database.kind, config.isCluster ? 'cluster' : 'embedded'),
    metricsText: () => metrics.text(),
  };
  const gateway = createGateway({
    call,
    settings,
    makeContext: createContextMaker({
      settings,
      log,
      port: () => listeningPort,
      resolveSession: (token, requestId) => call('session.resolve', { token }, { requestId }),
    }),
    rateLimits,
    tickets: createTickets(secret, Date.now),
    pages,
    dataPlane,
    operations,
    metrics,
    log,
  });

  const schemas = {
    session: () => sessionService({ sessions, broadcast }),
    node: () => nodeService({ monitor, onFault: (fault) => onFault('health', fault) }),
    stats: () =>
      statsService({
        nodeId,
        meter,
        activity: dataPlane,
        socketCount: () => gateway.socketCount(),
        nodeIds: () => nodesWith(broker, 'stats'),
        call,
        onFault: (fault) => onFault('samples', fault),
      }),
    cluster: () =>
      clusterService({
        clusterId,
        self: { id: nodeId, peerUrl: config.node.peerUrl, publicUrl: config.node.publicUrl },
        repository: clusterRepository,
        leadership,
        duties: [
          {
            name: 'delete expired sessions',
            run: async () => void (await sessionRepository.deleteExpired(EXPIRED_SESSIONS_A_TURN)),
          },
        ],
        slots: config.limits,
        forgetAfterSeconds: config.ttl.heartbeatSeconds,
        call,
        broadcast,
        onFault,
      }),
    transfer: () =>
      transferService({
        engine,
        control,
        repository,
        store,
        uploadTtlSeconds: config.ttl.uploadStateSeconds,
        isLeader: () => leadership.isLeader(),
        onFault,
      }),
    gateway: () => gateway.schema,
  } satisfies Record<ServiceName, () => object>;
  for (const [name, schema] of Object.entries(schemas)) {
    if (config.services.includes(name as ServiceName)) broker.createService(schema());
  }

  await Promise.all([broker.start(), pages.loaded, monitor.look()]);
  monitor.enter('serving');
  phase.isServing = true;
  if (config.services.includes('gateway')) listeningPort = await listen(gateway.server, config.port);

  return {
    broker,
    port: listeningPort,
    version: release.version,
    async drain(deadlineMs) {
      phase.isServing = false;
      monitor.enter('draining');
      gateway.server.close();
      const idle = setInterval(() => gateway.server.closeIdleConnections(), 100);
      await dataPlane.drain(deadlineMs);
      clearInterval(idle);
      await broker.stop();
      gateway.server.closeAllConnections();
      probe.close();
    },
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

function nodesWith(broker: ServiceBroker, service: string): readonly string[] {
  const services = broker.registry.getServiceList({ onlyAvailable: true }) as { name: string; nodeID: string }[];
  return services.filter(({ name }) => name === service).map(({ nodeID }) => nodeID);
}

function listen(server: import('node:http').Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
