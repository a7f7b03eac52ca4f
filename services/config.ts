import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { createReader, type Environment, type Machine, type Reader } from './config-reader.ts';
import { DEFAULT_CHUNK_BYTES, MAX_EXPIRES_SECONDS, MAX_FILE_BYTES, MIN_CHUNK_BYTES } from './contracts/limits.ts';
import * as read from './kernel/setting-values.ts';
import { type Misspelt, misspeltSettings } from './setting-names.ts';

/** What the operator chose, complete and of the right form. Unit in each name; null = none. */
export interface Config {
  readonly mode: 'development' | 'production';
  readonly rootDirectory: string;
  readonly dataDirectory: string;
  readonly port: number;
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly logLevel: LogLevel;
  readonly services: readonly ServiceName[];
  readonly adminToken: string | null;
  readonly databaseUrl: string | null;
  readonly durability: 'process' | 'power';
  readonly isCluster: boolean;
  readonly node: {
    readonly hostname: string;
    readonly port: number;
    readonly publicUrl: string | null;
    readonly peerUrl: string;
    /** Private networks of another place are others, whatever their addresses. */
    readonly site: string | null;
  };
  /** Null: no Redis. */
  readonly redis: RedisSettings | null;
  readonly bus: { readonly transporter: string | null; readonly isInsecureAllowed: boolean };
  readonly clusterSecret: string | null;
  readonly replicationFactor: 1 | 2;
  /** 0: stored chunks are checked only when they are read. */
  readonly scrubBytesPerSecond: number;
  readonly isStreamObfuscated: boolean;
  readonly ttl: {
    readonly clientSessionSeconds: number;
    readonly shareSessionSeconds: number;
    readonly uploadStateSeconds: number;
    readonly rateLimitWindowSeconds: number;
    readonly heartbeatSeconds: number;
  };
  readonly rateLimits: {
    readonly uploadsPerMinute: number;
    readonly downloadsPerMinute: number;
    readonly websocketMessagesPerMinute: number;
  };
  readonly limits: {
    /** null: no limit but the protocol's. */
    readonly maxFileBytes: number | null;
    readonly minChunkBytes: number;
    readonly maxConcurrentUploads: number;
    readonly maxConcurrentDownloads: number;
    readonly maxConcurrentTransfers: number;
  };
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  readonly isNativeAddonUsed: boolean;
  readonly nativeKernel: NativeKernel | null;
  readonly isCompressionEnabled: boolean;
  readonly isMetricsEnabled: boolean;
  readonly isLongTest: boolean;
}

export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  /** Only from the address in TRANSPORTER. */
  readonly username?: string;
  readonly isEncrypted: boolean;
  readonly password: string | null;
  readonly db: number;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** What the sentinels call it. */
  readonly sentinelMaster: string;
  /** Of the sentinels themselves. */
  readonly sentinelPassword: string | null;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly connectTimeoutMs: number;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
const SERVICE_NAMES = ['gateway', 'session', 'cluster', 'node', 'stats', 'transfer'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];
const NATIVE_KERNELS = ['portable', 'sse41', 'avx2', 'avx512', 'neon'] as const;
export type NativeKernel = (typeof NATIVE_KERNELS)[number];

export type ConfigOutcome =
  | { readonly ok: true; readonly config: Config; readonly misspelt: readonly Misspelt[] }
  /** One sentence a fault, each beginning with a variable's name. */
  | { readonly ok: false; readonly faults: readonly string[] };

const ONE_YEAR_SECONDS = MAX_EXPIRES_SECONDS;
const MANY = 1_000_000;

/** Reads every variable and checks what they say together. Pure; never throws. */
export function loadConfig(env: Environment, machine: Machine): ConfigOutcome {
  const faults: string[] = [];
  const reader = createReader(env, machine, faults);
  const { value, secretText } = reader;
  const isRedisNamed = reader.isGiven('REDIS_HOST') || reader.isGiven('REDIS_SENTINELS');
  const isRedisUsed = value('USE_REDIS', read.yesOrNo, isRedisNamed);
  const isCluster = value('USE_CLUSTER', read.yesOrNo, isRedisNamed);
  const port = value('PORT', read.wholeNumber(0, 65_535));
  const nodeHostname = value('NODE_HOSTNAME', read.hostName, isCluster ? machine.hostname : 'localhost');
  const nodePort = value('NODE_PORT', read.wholeNumber(1, 65_535), port);
  const redis = readRedis(reader);

  const config: Config = {
    mode:
      value('NODE_ENV', read.oneOf(['development', 'production', 'test'])) === 'production'
        ? 'production'
        : 'development',
    rootDirectory: machine.rootDirectory,
    dataDirectory: resolve(machine.rootDirectory, value('DATA_DIR', read.textOfLength(1, 4096))),
    port,
    publicUrl: value('PUBLIC_URL', read.origin, null),
    corsOrigins: value('CORS_ORIGIN', read.listOf(read.origin)),
    trustedProxies: value('TRUSTED_PROXIES', read.listOf(read.cidr), []),
    logLevel: value('LOG_LEVEL', read.oneOf(LOG_LEVELS)),
    services: completed(value('SERVICES', read.listOf(read.oneOf(SERVICE_NAMES)), SERVICE_NAMES), isCluster),
    adminToken: value('ADMIN_TOKEN', read.bearerToken, null),
    databaseUrl: secretText('DATABASE_URL', 'DATABASE_URL_FILE', read.urlWithScheme(['postgresql', 'postgres'])),
    durability: value('DURABILITY', read.oneOf(['process', 'power'])),
    scrubBytesPerSecond: value('SCRUB_BYTES_PER_SECOND', read.size(0, MAX_FILE_BYTES)),
    isCluster,
    node: {
      hostname: nodeHostname,
      port: nodePort,
      publicUrl: value('NODE_PUBLIC_URL', read.origin, null),
      peerUrl: value('NODE_PEER_URL', read.origin, `http://${bracketed(nodeHostname)}:${nodePort}`),
      site: value('NODE_SITE', read.label, null),
    },
    redis: isRedisUsed ? redis : null,
    bus: {
      transporter: value('TRANSPORTER', read.urlWithScheme(['redis', 'rediss', 'nats', 'tls']), null),
      isInsecureAllowed: value('ALLOW_INSECURE_BUS', read.yesOrNo),
    },
    clusterSecret: secretText('CLUSTER_SECRET', 'CLUSTER_SECRET_FILE', read.textOfLength(16, 1024)),
    replicationFactor: value('REPLICATION_FACTOR', read.wholeNumber(1, 2), isCluster ? 2 : 1) === 2 ? 2 : 1,
    isStreamObfuscated: value('STREAM_OBFUSCATION', read.yesOrNo),
    ttl: readLifetimes(reader),
    ...readLimits(reader),
    ackTimeoutMs: value('ACK_TIMEOUT_MS', read.milliseconds(100, 600_000)),
    maxRetries: value('MAX_RETRIES', read.wholeNumber(0, 1000)),
    isNativeAddonUsed: value('USE_NATIVE_ADDON', read.yesOrNo),
    nativeKernel: value('PEERLINK_NATIVE_KERNEL', read.oneOf(NATIVE_KERNELS), null),
    isCompressionEnabled: value('ENABLE_COMPRESSION', read.yesOrNo),
    isMetricsEnabled: value('ENABLE_METRICS', read.yesOrNo),
    isLongTest: value('TEST_LONG', read.yesOrNo),
  };
  if (faults.length === 0) faults.push(...contradictions(config));
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, config: deepFreeze(config), misspelt: misspeltSettings(env) };
}

function readLifetimes({ value }: Reader): Config['ttl'] {
  return {
    clientSessionSeconds: value('TTL_CLIENT_SESSION', read.seconds(1, ONE_YEAR_SECONDS)),
    shareSessionSeconds: value('TTL_SHARE_SESSION', read.seconds(1, ONE_YEAR_SECONDS)),
    uploadStateSeconds: value('TTL_UPLOAD_STATE', read.seconds(1, ONE_YEAR_SECONDS)),
    rateLimitWindowSeconds: value('TTL_RATE_LIMIT_WINDOW', read.seconds(1, 3600)),
    heartbeatSeconds: value('TTL_HEARTBEAT', read.seconds(10, ONE_YEAR_SECONDS)),
  };
}

function readLimits({ value }: Reader): Pick<Config, 'rateLimits' | 'limits'> {
  const maxFileBytes = value('MAX_FILE_SIZE', read.size(0, MAX_FILE_BYTES));
  return {
    rateLimits: {
      uploadsPerMinute: value('RATE_LIMIT_UPLOADS_PER_MINUTE', read.wholeNumber(1, MANY)),
      downloadsPerMinute: value('RATE_LIMIT_DOWNLOADS_PER_MINUTE', read.wholeNumber(1, MANY)),
      websocketMessagesPerMinute: value('RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE', read.wholeNumber(1, MANY)),
    },
    limits: {
      maxFileBytes: maxFileBytes === 0 ? null : maxFileBytes,
      minChunkBytes: value('CHUNK_SIZE', read.powerOfTwo(read.size(MIN_CHUNK_BYTES, DEFAULT_CHUNK_BYTES))),
      maxConcurrentUploads: value('MAX_CONCURRENT_UPLOADS', read.wholeNumber(1, 10_000)),
      maxConcurrentDownloads: value('MAX_CONCURRENT_DOWNLOADS', read.wholeNumber(1, 10_000)),
      maxConcurrentTransfers: value('MAX_CONCURRENT_TRANSFERS', read.wholeNumber(1, MANY)),
    },
  };
}

/**
 * In a cluster every node runs the services that report about it, and a gateway always has the transfer service beside it; an
 * operator can only choose where gateways, sessions and storage are.
 */
function completed(picked: readonly ServiceName[], isCluster: boolean): readonly ServiceName[] {
  if (!isCluster) return SERVICE_NAMES.filter((name) => picked.includes(name));
  const needed: readonly ServiceName[] = [
    'cluster',
    'node',
    'stats',
    ...(picked.includes('gateway') ? ['transfer' as const] : []),
  ];
  return SERVICE_NAMES.filter((name) => picked.includes(name) || needed.includes(name));
}

/** Values that are valid one by one, but not together. */
function contradictions(config: Config): string[] {
  const faults: string[] = [];
  if (config.isCluster && config.databaseUrl === null) {
    faults.push('DATABASE_URL is needed when USE_CLUSTER is true: nodes share one PostgreSQL');
  }
  if (config.redis?.isEncrypted && config.redis.sentinels.length > 0) {
    faults.push('REDIS_TLS is for REDIS_HOST: sentinels, and the Redis that they name, are asked without TLS');
  }
  if (config.isCluster && config.redis === null) {
    faults.push('USE_REDIS must be true when USE_CLUSTER is true: nodes share one Redis');
  }
  if (config.durability === 'power' && config.databaseUrl === null) {
    faults.push('DURABILITY=power needs DATABASE_URL: the embedded database never syncs to disk');
  }
  if (config.isCluster && new URL(config.node.peerUrl).port === '0') {
    faults.push('NODE_PORT is needed when PORT is 0 and USE_CLUSTER is true: other nodes must know where to ask');
  }
  if (!config.isCluster && config.bus.transporter !== null) {
    faults.push('TRANSPORTER needs USE_CLUSTER=true: one node has nobody to talk to');
  }
  if (!config.isCluster && config.services.length < SERVICE_NAMES.length) {
    faults.push('SERVICES needs USE_CLUSTER=true: one node has nobody to leave any of its six services to');
  }
  if (!config.isCluster && config.replicationFactor === 2) {
    faults.push('REPLICATION_FACTOR=2 needs USE_CLUSTER=true: one node has nobody to copy to');
  }
  return faults;
}

function readRedis({ value, secretText }: Reader): RedisSettings {
  return {
    host: value('REDIS_HOST', read.hostName),
    port: value('REDIS_PORT', read.wholeNumber(1, 65_535)),
    password: secretText('REDIS_PASSWORD', 'REDIS_PASSWORD_FILE', read.anyText),
    db: value('REDIS_DB', read.wholeNumber(0, 1_000_000)),
    isEncrypted: value('REDIS_TLS', read.yesOrNo),
    sentinels: value('REDIS_SENTINELS', read.listOf(read.hostAndPort), []),
    sentinelMaster: value('REDIS_SENTINEL_MASTER', read.anyText),
    sentinelPassword: secretText('REDIS_SENTINEL_PASSWORD', 'REDIS_SENTINEL_PASSWORD_FILE', read.anyText),
    maxRetries: value('REDIS_MAX_RETRIES', read.wholeNumber(0, 1000)),
    retryDelayMs: value('REDIS_RETRY_DELAY', read.milliseconds(1, 600_000)),
    connectTimeoutMs: value('REDIS_CONNECT_TIMEOUT', read.milliseconds(1, 600_000)),
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** The folder of our package.json, whether this file runs from services/ or from dist/services/. */
export function findRootDirectory(from: string = __dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    const path = join(directory, 'package.json');
    if (existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { name?: string }).name === 'peerlink') {
      return directory;
    }
    if (dirname(directory) === directory) return process.cwd();
  }
}

/** `.env` of the root, then the real environment over it, empty values too. For `main.ts` only. */
export function loadConfigFromProcess(
  rootDirectory: string = findRootDirectory(),
  env: Environment = process.env,
): ConfigOutcome {
  const envFile = join(rootDirectory, '.env');
  let written: Environment = {};
  try {
    // Some editors begin a file with a mark (BOM) that would become a part of the first name.
    if (existsSync(envFile)) written = parseEnv(readFileSync(envFile, 'utf8').replace(/^\uFEFF/, ''));
  } catch (fault) {
    return { ok: false, faults: [`${envFile} cannot be read (${(fault as NodeJS.ErrnoException).code})`] };
  }
  return loadConfig(
    { ...written, ...env },
    {
      rootDirectory,
      hostname: hostname(),
      readTextFile: (path) => readFileSync(path, 'utf8'),
    },
  );
}

/** One message for all faults. */
export function faultMessage(faults: readonly string[]): string {
  const lines = faults.map((fault) => `  ${fault}`).join('\n');
  return `PeerLink cannot start: ${faults.length === 1 ? 'one setting is' : `${faults.length} settings are`} wrong\n${lines}\n`;
}

/**
 * Hashing, disk and look-ups of names share libuv's pool, whose default of 4 lets a slow disk starve the hash.
 * libuv reads the variable at the pool's first use, so this runs before anything else in the process.
 */
export function sizeThreadPool(): void {
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(8, 2 * availableParallelism()));
}
