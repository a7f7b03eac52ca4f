import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tempDirectory } from '../test/support/cleanup.ts';
import { type Config, faultMessage, findRootDirectory, loadConfig, loadConfigFromProcess } from './config.ts';
import type { Environment } from './config-reader.ts';
import { configurationPage, exampleFile, VARIABLES } from './config-variables.ts';

const files: Record<string, string> = { '/secrets/db': 'postgresql://u:p@db/x\n', '/secrets/short': 'short' };
const machine = {
  rootDirectory: '/srv/peerlink',
  hostname: 'box-7',
  readTextFile: (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  },
};

function configOf(env: Environment): Config {
  const outcome = loadConfig(env, machine);
  if (!outcome.ok) throw new Error(outcome.faults.join('\n'));
  return outcome.config;
}
function faultsOf(env: Environment): readonly string[] {
  const outcome = loadConfig(env, machine);
  return outcome.ok ? [] : outcome.faults;
}

describe('loadConfigFromProcess', () => {
  const root = tempDirectory('settings');
  const portAndLevel = (env: Environment) => {
    const outcome = loadConfigFromProcess(root, env);
    if (!outcome.ok) throw new Error(outcome.faults.join('\n'));
    return [outcome.config.port, outcome.config.logLevel];
  };

  it('reads .env where there is one; the real environment wins, an empty value too', () => {
    expect(portAndLevel({})).toEqual([5000, 'info']);
    writeFileSync(join(root, '.env'), '# ours\nPORT=1234\nLOG_LEVEL="warn"\n');
    expect(portAndLevel({})).toEqual([1234, 'warn']);
    expect(portAndLevel({ LOG_LEVEL: 'error' })).toEqual([1234, 'error']);
    expect(portAndLevel({ PORT: '' })).toEqual([5000, 'warn']);
  });

  it('reads .env as editors of other systems write it: a mark at its beginning, CRLF, quotes', () => {
    writeFileSync(join(root, '.env'), "\uFEFFPORT=1234\r\nLOG_LEVEL='warn'\r\n");
    expect(portAndLevel({})).toEqual([1234, 'warn']);
  });

  it('names .env when it is there but cannot be read', () => {
    const folder = tempDirectory('settings-of-another');
    mkdirSync(join(folder, '.env'));
    expect(loadConfigFromProcess(folder, {})).toEqual({
      ok: false,
      faults: [`${join(folder, '.env')} cannot be read (EISDIR)`],
    });
  });
});

describe('loadConfig', () => {
  it('needs nothing: the defaults are those of the table', () => {
    const config = configOf({});
    expect(config.port).toBe(5000);
    expect(config.dataDirectory).toBe('/srv/peerlink/data');
    expect(config.limits.maxFileBytes).toBe(1024 ** 3);
    expect(config.corsOrigins).toEqual(['http://localhost:5173']);
    expect(config.trustedProxies).toEqual([]);
    expect(config.redis).toBeNull();
    expect(config.isCluster).toBe(false);
    expect(config.node.peerUrl).toBe('http://localhost:5000');
  });

  it('takes an empty value for an absent one', () => {
    expect(configOf({ PORT: '', DATABASE_URL: ' ' }).port).toBe(5000);
  });

  const clusterEnv = { USE_CLUSTER: 'true', USE_REDIS: 'true', DATABASE_URL: 'postgres://db/x' };
  // One line a variable: what a value changes. A variable missing here fails the test below it.
  const changes: Record<keyof typeof VARIABLES, [Environment, (config: Config) => unknown, unknown]> = {
    PORT: [{ PORT: '6001' }, (c) => c.port, 6001],
    NODE_ENV: [{ NODE_ENV: 'production' }, (c) => c.mode, 'production'],
    DATA_DIR: [{ DATA_DIR: '/data' }, (c) => c.dataDirectory, '/data'],
    PUBLIC_URL: [{ PUBLIC_URL: 'https://Share.example.com/' }, (c) => c.publicUrl, 'https://share.example.com'],
    CORS_ORIGIN: [
      { CORS_ORIGIN: 'http://a.test, https://b.test:444' },
      (c) => c.corsOrigins,
      ['http://a.test', 'https://b.test:444'],
    ],
    TRUSTED_PROXIES: [{ TRUSTED_PROXIES: '10.0.0.0/8,::1' }, (c) => c.trustedProxies, ['10.0.0.0/8', '::1/128']],
    LOG_LEVEL: [{ LOG_LEVEL: 'debug' }, (c) => c.logLevel, 'debug'],
    SERVICES: [{ ...clusterEnv, SERVICES: 'session' }, (c) => c.services, ['session', 'cluster', 'node', 'stats']],
    ADMIN_TOKEN: [{ ADMIN_TOKEN: 'x'.repeat(16) }, (c) => c.adminToken, 'x'.repeat(16)],
    DATABASE_URL: [{ DATABASE_URL: 'postgres://db/x' }, (c) => c.databaseUrl, 'postgres://db/x'],
    DATABASE_URL_FILE: [{ DATABASE_URL_FILE: '/secrets/db' }, (c) => c.databaseUrl, 'postgresql://u:p@db/x'],
    SCRUB_BYTES_PER_SECOND: [{ SCRUB_BYTES_PER_SECOND: '1MiB' }, (c) => c.scrubBytesPerSecond, 1024 ** 2],
    DURABILITY: [{ DURABILITY: 'power', DATABASE_URL: 'postgres://db/x' }, (c) => c.durability, 'power'],
    USE_CLUSTER: [
      { USE_CLUSTER: 'true', USE_REDIS: 'true', DATABASE_URL: 'postgres://db/x' },
      (c) => c.isCluster,
      true,
    ],
    USE_REDIS: [{ USE_REDIS: 'yes' }, (c) => c.redis?.port, 6379],
    NODE_HOSTNAME: [{ NODE_HOSTNAME: 'a.internal' }, (c) => c.node.hostname, 'a.internal'],
    NODE_PORT: [{ NODE_PORT: '7000' }, (c) => c.node.port, 7000],
    NODE_PUBLIC_URL: [{ NODE_PUBLIC_URL: 'https://n1.test' }, (c) => c.node.publicUrl, 'https://n1.test'],
    NODE_PEER_URL: [{ NODE_PEER_URL: 'http://10.1.1.1:9' }, (c) => c.node.peerUrl, 'http://10.1.1.1:9'],
    NODE_SITE: [{ NODE_SITE: 'berlin-2' }, (c) => c.node.site, 'berlin-2'],
    REDIS_HOST: [{ REDIS_HOST: 'redis', USE_CLUSTER: 'false' }, (c) => c.redis?.host, 'redis'],
    REDIS_PORT: [{ USE_REDIS: '1', REDIS_PORT: '7' }, (c) => c.redis?.port, 7],
    REDIS_PASSWORD: [{ USE_REDIS: '1', REDIS_PASSWORD: 's' }, (c) => c.redis?.password, 's'],
    REDIS_PASSWORD_FILE: [{ USE_REDIS: '1', REDIS_PASSWORD_FILE: '/secrets/short' }, (c) => c.redis?.password, 'short'],
    REDIS_DB: [{ USE_REDIS: '1', REDIS_DB: '3' }, (c) => c.redis?.db, 3],
    REDIS_TLS: [{ USE_REDIS: '1', REDIS_TLS: 'true' }, (c) => c.redis?.isEncrypted, true],
    REDIS_SENTINELS: [
      { REDIS_SENTINELS: 's1:26379,[::1]:2', USE_CLUSTER: 'false' },
      (c) => c.redis?.sentinels,
      [
        { host: 's1', port: 26379 },
        { host: '::1', port: 2 },
      ],
    ],
    REDIS_SENTINEL_MASTER: [{ USE_REDIS: '1', REDIS_SENTINEL_MASTER: 'm2' }, (c) => c.redis?.sentinelMaster, 'm2'],
    REDIS_SENTINEL_PASSWORD: [{ USE_REDIS: '1', REDIS_SENTINEL_PASSWORD: 's' }, (c) => c.redis?.sentinelPassword, 's'],
    REDIS_SENTINEL_PASSWORD_FILE: [
      { USE_REDIS: '1', REDIS_SENTINEL_PASSWORD_FILE: '/secrets/short' },
      (c) => c.redis?.sentinelPassword,
      'short',
    ],
    REDIS_MAX_RETRIES: [{ USE_REDIS: '1', REDIS_MAX_RETRIES: '9' }, (c) => c.redis?.maxRetries, 9],
    REDIS_RETRY_DELAY: [{ USE_REDIS: '1', REDIS_RETRY_DELAY: '1s' }, (c) => c.redis?.retryDelayMs, 1000],
    REDIS_CONNECT_TIMEOUT: [{ USE_REDIS: '1', REDIS_CONNECT_TIMEOUT: '5s' }, (c) => c.redis?.connectTimeoutMs, 5000],
    TRANSPORTER: [{ ...clusterEnv, TRANSPORTER: 'nats://n:4222' }, (c) => c.bus.transporter, 'nats://n:4222'],
    ALLOW_INSECURE_BUS: [{ ALLOW_INSECURE_BUS: 'true' }, (c) => c.bus.isInsecureAllowed, true],
    CLUSTER_SECRET: [{ CLUSTER_SECRET: 'y'.repeat(16) }, (c) => c.clusterSecret, 'y'.repeat(16)],
    CLUSTER_SECRET_FILE: [{ CLUSTER_SECRET_FILE: '/secrets/db' }, (c) => c.clusterSecret, 'postgresql://u:p@db/x'],
    REPLICATION_FACTOR: [
      { USE_CLUSTER: '1', USE_REDIS: '1', DATABASE_URL: 'postgres://db/x', REPLICATION_FACTOR: '1' },
      (c) => c.replicationFactor,
      1,
    ],
    STREAM_OBFUSCATION: [{ STREAM_OBFUSCATION: 'off' }, (c) => c.isStreamObfuscated, false],
    TTL_CLIENT_SESSION: [{ TTL_CLIENT_SESSION: '2h' }, (c) => c.ttl.clientSessionSeconds, 7200],
    TTL_SHARE_SESSION: [{ TTL_SHARE_SESSION: '48h' }, (c) => c.ttl.shareSessionSeconds, 172_800],
    TTL_UPLOAD_STATE: [{ TTL_UPLOAD_STATE: '90' }, (c) => c.ttl.uploadStateSeconds, 90],
    TTL_RATE_LIMIT_WINDOW: [{ TTL_RATE_LIMIT_WINDOW: '5s' }, (c) => c.ttl.rateLimitWindowSeconds, 5],
    TTL_HEARTBEAT: [{ TTL_HEARTBEAT: '1m' }, (c) => c.ttl.heartbeatSeconds, 60],
    RATE_LIMIT_UPLOADS_PER_MINUTE: [{ RATE_LIMIT_UPLOADS_PER_MINUTE: '1' }, (c) => c.rateLimits.uploadsPerMinute, 1],
    RATE_LIMIT_DOWNLOADS_PER_MINUTE: [
      { RATE_LIMIT_DOWNLOADS_PER_MINUTE: '2' },
      (c) => c.rateLimits.downloadsPerMinute,
      2,
    ],
    RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: [
      { RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: '3' },
      (c) => c.rateLimits.websocketMessagesPerMinute,
      3,
    ],
    MAX_FILE_SIZE: [{ MAX_FILE_SIZE: '512MiB' }, (c) => c.limits.maxFileBytes, 512 * 1024 ** 2],
    CHUNK_SIZE: [{ CHUNK_SIZE: '64KiB' }, (c) => c.limits.minChunkBytes, 65_536],
    MAX_CONCURRENT_UPLOADS: [{ MAX_CONCURRENT_UPLOADS: '4' }, (c) => c.limits.maxConcurrentUploads, 4],
    MAX_CONCURRENT_DOWNLOADS: [{ MAX_CONCURRENT_DOWNLOADS: '5' }, (c) => c.limits.maxConcurrentDownloads, 5],
    MAX_CONCURRENT_TRANSFERS: [{ MAX_CONCURRENT_TRANSFERS: '6' }, (c) => c.limits.maxConcurrentTransfers, 6],
    ACK_TIMEOUT_MS: [{ ACK_TIMEOUT_MS: '20s' }, (c) => c.ackTimeoutMs, 20_000],
    MAX_RETRIES: [{ MAX_RETRIES: '0' }, (c) => c.maxRetries, 0],
    USE_NATIVE_ADDON: [{ USE_NATIVE_ADDON: 'false' }, (c) => c.isNativeAddonUsed, false],
    PEERLINK_NATIVE_KERNEL: [{ PEERLINK_NATIVE_KERNEL: 'sse41' }, (c) => c.nativeKernel, 'sse41'],
    ENABLE_COMPRESSION: [{ ENABLE_COMPRESSION: 'false' }, (c) => c.isCompressionEnabled, false],
    ENABLE_METRICS: [{ ENABLE_METRICS: 'false' }, (c) => c.isMetricsEnabled, false],
    TEST_LONG: [{ TEST_LONG: '1' }, (c) => c.isLongTest, true],
  };
  it.each(Object.entries(changes))('%s changes what it says', (name, [env, pick, wanted]) => {
    expect(pick(configOf(env))).toEqual(wanted);
    const { [name]: _without, ...others } = env;
    expect(pick(configOf(others))).not.toEqual(wanted);
  });

  it('makes a node one of several once Redis is named, by its own address or by its sentinels', () => {
    for (const env of [{ REDIS_HOST: 'redis' }, { REDIS_SENTINELS: 's1:26379' }]) {
      expect(configOf({ ...env, DATABASE_URL: 'postgres://db/x' }).isCluster).toBe(true);
      expect(faultsOf(env)).toEqual(['DATABASE_URL is needed when USE_CLUSTER is true: nodes share one PostgreSQL']);
    }
  });

  it('takes 0 as no limit of the file size', () => {
    expect(configOf({ MAX_FILE_SIZE: '0' }).limits.maxFileBytes).toBeNull();
  });

  it('names every fault at once', () => {
    const faults = faultsOf({
      PORT: '70000',
      MAX_FILE_SIZE: '-1',
      CORS_ORIGIN: 'example.com',
      LOG_LEVEL: 'loud',
      CHUNK_SIZE: '20000',
    });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'CHUNK_SIZE',
      'CORS_ORIGIN',
      'LOG_LEVEL',
      'MAX_FILE_SIZE',
      'PORT',
    ]);
    const message = faultMessage(faults);
    expect(message).toContain('5 settings are wrong');
    for (const fault of faults) expect(message).toContain(fault);
  });

  it.each([
    [{ USE_CLUSTER: 'true', USE_REDIS: 'true' }, 'DATABASE_URL'],
    [{ USE_CLUSTER: 'true', DATABASE_URL: 'postgres://db/x' }, 'USE_REDIS'],
    [{ REDIS_HOST: 'r', DATABASE_URL: 'postgres://db/x', PORT: '0' }, 'NODE_PORT'],
    [{ DURABILITY: 'power' }, 'DURABILITY'],
    [{ REPLICATION_FACTOR: '2' }, 'REPLICATION_FACTOR'],
    [{ DATABASE_URL: 'postgres://x/y', REDIS_SENTINELS: 'a:1', REDIS_TLS: 'true' }, 'REDIS_TLS'],
    [{ TRANSPORTER: 'nats://n:4222' }, 'TRANSPORTER'],
    [{ SERVICES: 'gateway,session,transfer' }, 'SERVICES'],
    [{ SERVICES: 'gateway,gateway,session,cluster,node,stats' }, 'SERVICES'],
    [{ SERVICES: ', ,' }, 'SERVICES'],
    [{ REDIS_SENTINELS: ',', DATABASE_URL: 'postgres://db/x' }, 'REDIS_SENTINELS'],
    [{ DATABASE_URL: 'postgres://db/x', DATABASE_URL_FILE: '/secrets/db' }, 'DATABASE_URL_FILE'],
    [{ CLUSTER_SECRET_FILE: '/secrets/short' }, 'CLUSTER_SECRET_FILE'],
    [{ CLUSTER_SECRET_FILE: '/nowhere' }, 'CLUSTER_SECRET_FILE'],
  ])('refuses what cannot be together: %j', (env, name) => {
    expect(faultsOf(env).map((fault) => fault.split(/[ =]/)[0])).toEqual([name]);
  });

  it('shows examples that may be', () => {
    const example = (name: string) => /, such as (\w+)/.exec(faultsOf({ [name]: 'x' }).join())?.[1];
    for (const name of [
      'CHUNK_SIZE',
      'MAX_FILE_SIZE',
      'TTL_RATE_LIMIT_WINDOW',
      'TTL_SHARE_SESSION',
      'ACK_TIMEOUT_MS',
    ]) {
      expect([name, faultsOf({ [name]: example(name) })]).toEqual([name, []]);
    }
  });

  it('never shows a secret, not even a malformed one', () => {
    const faults = faultsOf({
      DATABASE_URL: 'mysql://u:hunter2@db',
      ADMIN_TOKEN: 'hunter2',
      CLUSTER_SECRET: 'hunter2',
      TRANSPORTER: 'amqp://u:hunter2@x',
    });
    expect(faults).toHaveLength(4);
    expect(faults.join()).not.toContain('hunter2');
  });

  it('is frozen all the way down', () => {
    const config = configOf({});
    expect(() => Object.assign(config.limits, { maxFileBytes: 1 })).toThrow();
    expect(Object.isFrozen(config.corsOrigins)).toBe(true);
  });

  it('never throws, whatever the environment holds', () => {
    const names = Object.keys(VARIABLES);
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...names),
          fc.oneof(fc.string(), fc.constantFrom('1e9', '0x10', '١٢', '9'.repeat(40), '1KiB', 'http://a@b', '::/200')),
        ),
        (env) => {
          const outcome = loadConfig(env, machine);
          if (!outcome.ok)
            for (const fault of outcome.faults) assert(names.includes(fault.split(/[ =]/)[0] ?? ''), fault);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

describe('the written configuration', () => {
  const root = findRootDirectory(__dirname);

  it('is what services/config-variables.ts says, in .env.example and in the docs', () => {
    expect(readFileSync(join(root, '.env.example'), 'utf8')).toBe(exampleFile());
    expect(readFileSync(join(root, 'docs/CONFIGURATION.md'), 'utf8')).toBe(configurationPage());
  });

  it('has in .env.example only comments, so that copying it changes nothing', () => {
    for (const line of exampleFile().split('\n')) expect(line === '' || line.startsWith('#')).toBe(true);
  });

  it('has defaults in .env.example that change nothing when uncommented', () => {
    const env: Record<string, string> = {};
    for (const line of exampleFile().split('\n')) {
      const match = /^#([A-Z_]+)=(.*)$/.exec(line);
      if (match?.[1] !== undefined && match[1] !== 'REDIS_HOST') env[match[1]] = match[2] ?? '';
    }
    expect(configOf(env)).toEqual(configOf({}));
  });
});

describe('SERVICES', () => {
  /** In a cluster. */
  const servicesOf = (SERVICES: string) =>
    configOf({ USE_CLUSTER: 'true', USE_REDIS: 'true', DATABASE_URL: 'postgresql://db/x', SERVICES }).services;

  it('may name all six, in any order, of one node alone', () => {
    expect(configOf({ SERVICES: 'transfer,stats,node,cluster,session,gateway' }).services).toEqual(
      configOf({}).services,
    );
  });

  it('always has what a member says of itself, and storage beside the edge', () => {
    expect(servicesOf('session')).toEqual(['session', 'cluster', 'node', 'stats']);
    expect(servicesOf('transfer')).toEqual(['cluster', 'node', 'stats', 'transfer']);
    expect(servicesOf('gateway')).toEqual(['gateway', 'cluster', 'node', 'stats', 'transfer']);
  });
});
