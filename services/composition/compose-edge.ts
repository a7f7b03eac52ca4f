import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { PublicLimits } from '../contracts/http.ts';
import { MAX_EXPIRES_SECONDS, MAX_FILES_PER_TRANSFER, MAX_RUN_BYTES } from '../contracts/limits.ts';
import { ClusterWatch } from '../gateway/cluster-watch.ts';
import { createContextMaker } from '../gateway/edge-context.ts';
import type { EdgeSettings } from '../gateway/edge-settings.ts';
import { answerFault } from '../gateway/http-errors.ts';
import { createPages } from '../gateway/pages.ts';
import { createRateLimits } from '../gateway/rate-limit.ts';
import type { EdgePorts } from '../transfer/data-plane/data-plane.ts';
import type { Common, Phase } from './common.ts';

/** On most nodes it is this very process that answers. */
const CLUSTER_ANSWER_MS = 2_000;

/** The edge, as far as the door for bytes needs it before the gateway is there. */
export function composeEdge(common: Common, phase: Phase) {
  const { config, log, call, clusterId, onFault } = common;
  const settings = edgeSettings(config, clusterId);
  const rateLimits = createRateLimits(settings.rateLimits);
  const cluster = new ClusterWatch(
    () => call('cluster.nodes', {}, { timeoutMs: CLUSTER_ANSWER_MS }),
    () => performance.now(),
  );
  const pages = createPages(settings.pagesDirectory, cluster.origins, (fault) => onFault('pages', fault));
  const makeContext = createContextMaker({
    settings,
    log,
    port: () => phase.port,
    nodeOrigins: cluster.origins,
    resolveSession: (token, requestId) => call('session.resolve', { token }, { requestId }),
  });
  const ports: EdgePorts = {
    answerFault,
    answerPage: (req, res) => pages.answerIndex(req, res),
    consumeRate: (limit, context) => rateLimits.consume(limit, context.addressKey),
  };
  return { settings, rateLimits, pages, cluster, makeContext, ports };
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
