import { describe, expect, it } from '@jest/globals';
import { type Config, loadConfig } from '../config.ts';
import type { Environment } from '../config-reader.ts';
import { edgeSettings, selfSettings, transferSettings } from './settings.ts';

function configOf(env: Environment): Config {
  const outcome = loadConfig(env, {
    rootDirectory: '/srv/peerlink',
    hostname: 'box-7',
    readTextFile: () => {
      throw new Error('ENOENT');
    },
  });
  if (!outcome.ok) throw new Error(outcome.faults.join('\n'));
  return outcome.config;
}

/** Every value that a part is given, by its path. */
function settingsOf(env: Environment): Readonly<Record<string, unknown>> {
  const config = configOf(env);
  const found: Record<string, unknown> = {};
  const walk = (path: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) found[path] = value;
    else for (const [name, member] of Object.entries(value)) walk(`${path}.${name}`, member);
  };
  walk('transfer', transferSettings(config));
  walk('self', selfSettings(config));
  walk('edge', edgeSettings(config, 'c'));
  return found;
}

/** DURABILITY is for a database that syncs. */
const SURROUNDINGS = { DATABASE_URL: 'postgresql://u:p@db/x' };

/** What each setting changes in the parts, and nothing else; each value is no default. */
const CHANGES: Readonly<Record<string, readonly [value: string, changed: Readonly<Record<string, unknown>>]>> = {
  DURABILITY: ['power', { 'transfer.engine.durability': 'power', 'transfer.peers.isPowerSafe': true }],
  STREAM_OBFUSCATION: ['false', { 'transfer.peers.isObfuscated': false }],
  TTL_HEARTBEAT: ['77', { 'transfer.goneNodes.goneAfterMs': 77_000, 'self.cluster.forgetAfterSeconds': 77 }],
  TTL_UPLOAD_STATE: ['7201', { 'transfer.leaderTurns.uploadTtlSeconds': 7_201 }],
  TTL_SHARE_SESSION: [
    '7h',
    { 'transfer.control.defaultTtlSeconds': 25_200, 'edge.limits.defaultExpirySeconds': 25_200 },
  ],
  TTL_CLIENT_SESSION: ['3h', { 'self.sessions.ttlSeconds': 10_800 }],
  TTL_RATE_LIMIT_WINDOW: ['7', { 'edge.rateLimits.windowSeconds': 7 }],
  CHUNK_SIZE: ['64KiB', { 'transfer.control.smallestChunkBytes': 65_536, 'self.cluster.slots.minChunkBytes': 65_536 }],
  MAX_FILE_SIZE: [
    '3MiB',
    {
      'transfer.control.maxFileBytes': 3_145_728,
      'transfer.dataPlane.maxFileBytes': 3_145_728,
      'edge.limits.maxFileBytes': 3_145_728,
      'self.cluster.slots.maxFileBytes': 3_145_728,
    },
  ],
  MAX_CONCURRENT_UPLOADS: [
    '3',
    {
      'transfer.dataPlane.maxConcurrentUploads': 3,
      'edge.limits.maxConcurrentUploads': 3,
      'self.cluster.slots.maxConcurrentUploads': 3,
    },
  ],
  MAX_CONCURRENT_DOWNLOADS: [
    '4',
    { 'transfer.dataPlane.maxConcurrentDownloads': 4, 'self.cluster.slots.maxConcurrentDownloads': 4 },
  ],
  MAX_CONCURRENT_TRANSFERS: [
    '6',
    {
      'transfer.control.maxOpenTransfers': 6,
      'edge.limits.maxConcurrentTransfers': 6,
      'self.cluster.slots.maxConcurrentTransfers': 6,
    },
  ],
  SCRUB_BYTES_PER_SECOND: ['0', { 'transfer.scrub.bytesPerSecond': 0 }],
  ACK_TIMEOUT_MS: ['1234', { 'edge.limits.ackTimeoutMs': 1_234 }],
  MAX_RETRIES: ['7', { 'edge.limits.maxRetries': 7 }],
  ENABLE_COMPRESSION: ['false', { 'edge.isCompressionEnabled': false }],
  RATE_LIMIT_UPLOADS_PER_MINUTE: ['31', { 'edge.rateLimits.uploadsPerMinute': 31 }],
  RATE_LIMIT_DOWNLOADS_PER_MINUTE: ['32', { 'edge.rateLimits.downloadsPerMinute': 32 }],
  RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: ['33', { 'edge.rateLimits.websocketMessagesPerMinute': 33 }],
};

describe('what the parts are given', () => {
  const usual = settingsOf(SURROUNDINGS);

  it.each(Object.entries(CHANGES))('follows %s where it is named, and nowhere else', (name, [value, changed]) => {
    const found = Object.entries(settingsOf({ ...SURROUNDINGS, [name]: value })).filter(([path, given]) => {
      return JSON.stringify(given) !== JSON.stringify(usual[path]);
    });
    expect(Object.fromEntries(found)).toEqual(changed);
  });
});
