import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { PublicLimits } from '../contracts/http.ts';
import { MAX_EXPIRES_SECONDS, MAX_FILES_PER_TRANSFER, MAX_RUN_BYTES } from '../contracts/limits.ts';
import type { EdgeSettings } from '../gateway/edge-settings.ts';

/**
 * Which setting each part uses, all in one place: a setting that no part obeys would be noticed only after hours, or at a power
 * cut.
 */

/** For the engine, the peers, the data plane and the leader's turns. */
export function transferSettings({ durability, limits, replicationFactor, ttl, ...config }: Config) {
  return {
    engine: { durability },
    peers: {
      isObfuscated: config.isStreamObfuscated,
      replicationFactor,
      isPowerSafe: durability === 'power',
    },
    goneNodes: { goneAfterMs: ttl.heartbeatSeconds * 1000 },
    leaderTurns: { uploadTtlSeconds: ttl.uploadStateSeconds },
    control: {
      maxFileBytes: limits.maxFileBytes,
      smallestChunkBytes: limits.minChunkBytes,
      defaultTtlSeconds: ttl.shareSessionSeconds,
      maxOpenTransfers: limits.maxConcurrentTransfers,
    },
    dataPlane: {
      maxConcurrentUploads: limits.maxConcurrentUploads,
      maxConcurrentDownloads: limits.maxConcurrentDownloads,
      maxFileBytes: limits.maxFileBytes,
    },
    scrub: { bytesPerSecond: config.scrubBytesPerSecond },
  } as const;
}

/** For sessions, and for what the leader does with nodes. */
export function selfSettings({ ttl, limits, node }: Config) {
  return {
    sessions: { ttlSeconds: ttl.clientSessionSeconds },
    cluster: { slots: limits, forgetAfterSeconds: ttl.heartbeatSeconds },
    addresses: { peerUrl: node.peerUrl, publicUrl: node.publicUrl },
  } as const;
}

/** For the gateway, with the limits that every page is told. */
export function edgeSettings(config: Config, clusterId: string): EdgeSettings {
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
