import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { PublicLimits } from '../contracts/http.ts';
import { MAX_EXPIRES_SECONDS, MAX_FILES_PER_TRANSFER, MAX_RUN_BYTES } from '../contracts/limits.ts';
import { createContextMaker } from '../gateway/edge-context.ts';
import type { EdgeSettings } from '../gateway/edge-settings.ts';
import { answerFault } from '../gateway/http-errors.ts';
import { createPages } from '../gateway/pages.ts';
import { createRateLimits } from '../gateway/rate-limit.ts';
import type { EdgePorts } from '../transfer/data-plane/data-plane.ts';
import type { Common, Phase } from './common.ts';

/** The edge, as far as the door for bytes needs it before the gateway is there. */
export function composeEdge(common: Common, phase: Phase) {
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
