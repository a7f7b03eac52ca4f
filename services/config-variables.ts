/**
 * Every variable the back end reads: its default as text (null: none, or depends on others, then `defaultSaid`
 * says on what) and what it does. `.env.example` and docs/CONFIGURATION.md are made from this table by
 * `npx tsx scripts/write-configuration.ts`, and a test compares the three.
 */
export interface Variable {
  readonly group: string;
  readonly default: string | null;
  readonly defaultSaid?: string;
  readonly meaning: string;
  /** Its value is never shown, not even when it is of the wrong form. */
  readonly isSecret?: boolean;
}

const variable = (
  group: string,
  defaultText: string | null,
  meaning: string,
  more: Partial<Variable> = {},
): Variable => ({
  group,
  default: defaultText,
  meaning,
  ...more,
});

export const VARIABLES = {
  PORT: variable('Server', '5000', 'Port the node listens on; 0 lets the system choose.'),
  NODE_ENV: variable('Server', 'development', 'development or production.'),
  DATA_DIR: variable(
    'Server',
    './data',
    'Directory of the bytes and of the embedded database, relative to the project. Used by one process at a time.',
  ),
  PUBLIC_URL: variable('Server', null, 'Origin that links begin with, such as https://share.example.com.', {
    defaultSaid: 'the origin of the request when its Host is this machine or one of CORS_ORIGIN',
  }),
  CORS_ORIGIN: variable(
    'Server',
    'http://localhost:5173',
    'Comma-separated origins, compared exactly, whose pages may use the API and the WebSocket.',
  ),
  TRUSTED_PROXIES: variable(
    'Server',
    null,
    'Comma-separated addresses or CIDRs whose X-Forwarded-* headers count; those of anyone else are ignored.',
  ),
  SCRUB_BYTES_PER_SECOND: variable(
    'Server',
    '16777216',
    'Bytes per second that the daily check of stored chunks may read; 0: chunks are checked only when they are read.',
  ),
  LOG_LEVEL: variable('Server', 'info', 'trace, debug, info, warn, error, fatal or silent.'),
  SERVICES: variable(
    'Server',
    null,
    'Comma-separated services this node runs in a cluster: gateway, session, cluster, node, stats, transfer. Of these, cluster, node and stats always run, and transfer runs wherever gateway does. One node alone runs all six.',
    { defaultSaid: 'all six' },
  ),
  ADMIN_TOKEN: variable(
    'Server',
    null,
    'Bearer token of the operator: 16 to 512 letters, digits or any of . _ ~ + / = -. Without it the first start generates one and prints it.',
    { isSecret: true },
  ),

  DATABASE_URL: variable('Database', null, 'PostgreSQL connection string (14 or newer).', {
    isSecret: true,
    defaultSaid: 'embedded PGlite in the data directory',
  }),
  DATABASE_URL_FILE: variable('Database', null, 'File that holds DATABASE_URL.'),
  DURABILITY: variable(
    'Database',
    'process',
    'process: acknowledged chunks survive a killed process; power: also a power cut (needs PostgreSQL).',
  ),

  USE_CLUSTER: variable('Cluster', null, 'Several nodes; needs PostgreSQL and Redis.', {
    defaultSaid: 'true once REDIS_HOST or REDIS_SENTINELS is given, else false',
  }),
  USE_REDIS: variable('Cluster', null, 'Redis as cache of sessions and for rate limits, in a cluster also as bus.', {
    defaultSaid: 'true once REDIS_HOST or REDIS_SENTINELS is given, else false',
  }),
  NODE_HOSTNAME: variable('Cluster', null, 'How other nodes reach this node.', {
    defaultSaid: "localhost alone, in a cluster the machine's host name",
  }),
  NODE_PORT: variable('Cluster', null, 'Port at which other nodes reach this node.', { defaultSaid: 'PORT' }),
  NODE_PUBLIC_URL: variable('Cluster', null, 'Origin at which browsers may reach this very node.', {
    defaultSaid: 'none: never direct',
  }),
  NODE_PEER_URL: variable(
    'Cluster',
    null,
    'Origin at which other nodes reach this node, when not http://NODE_HOSTNAME:NODE_PORT.',
  ),
  NODE_SITE: variable('Cluster', null, 'Name of the place this node stands in; nodes of one place have the same.', {
    defaultSaid: 'none: private networks with the same addresses count as one, wherever they are',
  }),
  REDIS_HOST: variable(
    'Cluster',
    'localhost',
    'Redis (6.0 or newer). Setting it, even to localhost, turns USE_REDIS and USE_CLUSTER on.',
  ),
  REDIS_PORT: variable('Cluster', '6379', 'Port of Redis.'),
  REDIS_PASSWORD: variable('Cluster', null, 'Password of Redis.', { isSecret: true }),
  REDIS_PASSWORD_FILE: variable('Cluster', null, 'File that holds REDIS_PASSWORD.'),
  REDIS_DB: variable('Cluster', '0', 'Database number in Redis.'),
  REDIS_TLS: variable(
    'Cluster',
    'false',
    'Reach REDIS_HOST with TLS, as managed services ask for; not with REDIS_SENTINELS.',
  ),
  REDIS_SENTINELS: variable(
    'Cluster',
    null,
    'Comma-separated host:port of sentinels, used instead of REDIS_HOST, with the same effect on USE_CLUSTER.',
  ),
  REDIS_SENTINEL_MASTER: variable('Cluster', 'mymaster', 'Name under which the sentinels know the master to use.'),
  REDIS_SENTINEL_PASSWORD: variable(
    'Cluster',
    null,
    'Password of the sentinels themselves; REDIS_PASSWORD is that of the Redis they name.',
    { isSecret: true },
  ),
  REDIS_SENTINEL_PASSWORD_FILE: variable('Cluster', null, 'File that holds REDIS_SENTINEL_PASSWORD.'),
  REDIS_MAX_RETRIES: variable(
    'Cluster',
    '3',
    'Further attempts at the first connection at start; a connection lost later is retried without end.',
  ),
  REDIS_RETRY_DELAY: variable('Cluster', '100', 'Milliseconds between these attempts (100, 1s).'),
  REDIS_CONNECT_TIMEOUT: variable('Cluster', '10000', 'Milliseconds that each attempt may take.'),
  TRANSPORTER: variable('Cluster', null, 'Bus between nodes: redis://... or nats://...', {
    isSecret: true,
    defaultSaid: 'Redis in a cluster, none alone',
  }),
  ALLOW_INSECURE_BUS: variable(
    'Cluster',
    'false',
    'Start even if the bus or Redis asks for no password and is not on this machine.',
  ),
  CLUSTER_SECRET: variable('Cluster', null, 'Key that signs the messages between nodes, at least 16 characters.', {
    isSecret: true,
    defaultSaid: 'the first node generates one and stores it in the database',
  }),
  CLUSTER_SECRET_FILE: variable('Cluster', null, 'File that holds CLUSTER_SECRET.'),
  REPLICATION_FACTOR: variable('Cluster', null, 'Copies of each chunk, 1 or 2.', {
    defaultSaid: '1 alone, 2 in a cluster',
  }),
  STREAM_OBFUSCATION: variable('Cluster', 'true', 'XOR of bodies between nodes. Obfuscation, not encryption.'),

  TTL_CLIENT_SESSION: variable(
    'Lifetimes',
    '3600',
    'Seconds a session lives after its last use, but at least as long as its longest-lived transfer, sent or accepted.',
  ),
  TTL_SHARE_SESSION: variable('Lifetimes', '86400', 'Seconds a link lives when its sender sets nothing else.'),
  TTL_UPLOAD_STATE: variable('Lifetimes', '7200', 'Seconds an unfinished upload is kept after its last chunk.'),
  TTL_RATE_LIMIT_WINDOW: variable('Lifetimes', '60', 'Seconds over which the rates below are counted.'),
  TTL_HEARTBEAT: variable('Lifetimes', '300', 'Seconds after which a node that has not been seen is forgotten.'),

  RATE_LIMIT_UPLOADS_PER_MINUTE: variable('Limits', '100', 'Transfers a client may open per minute.'),
  RATE_LIMIT_DOWNLOADS_PER_MINUTE: variable('Limits', '100', 'Downloads a client may begin per minute.'),
  RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: variable(
    'Limits',
    '1000',
    'Control messages a client may send per minute; chunks are limited by the window instead.',
  ),
  MAX_FILE_SIZE: variable(
    'Limits',
    '1073741824',
    'Largest file in bytes (512MiB, 20GiB); 0: the maximum of the protocol, 1 TiB.',
  ),
  CHUNK_SIZE: variable('Limits', '16384', 'Smallest chunk a client may ask for, a power of two of at least 16KiB.'),
  MAX_CONCURRENT_UPLOADS: variable('Limits', '10', 'Uploads in progress at once; further ones wait.'),
  MAX_CONCURRENT_DOWNLOADS: variable('Limits', '10', 'Downloads in progress at once; further ones wait.'),
  MAX_CONCURRENT_TRANSFERS: variable(
    'Limits',
    '5',
    'Unfinished transfers a session, or an address without a session, may have; an offer counts once somebody accepts it.',
  ),
  ACK_TIMEOUT_MS: variable('Limits', '10000', 'Milliseconds a client waits for the acknowledgement of a chunk.'),
  MAX_RETRIES: variable('Limits', '3', 'Retries of a chunk before the upload pauses.'),

  USE_NATIVE_ADDON: variable(
    'Features',
    'true',
    'Use the native addon net_io; false, or if it cannot be loaded: the TypeScript fallback.',
  ),
  PEERLINK_NATIVE_KERNEL: variable('Features', null, 'Kernel of net_io: portable, sse41, avx2, avx512, neon.', {
    defaultSaid: 'the fastest the processor has',
  }),
  ENABLE_COMPRESSION: variable(
    'Features',
    'true',
    'Compression of the page (br, gzip); never of chunks or WebSocket messages.',
  ),
  ENABLE_METRICS: variable('Features', 'true', '/metrics in Prometheus text.'),
  TEST_LONG: variable(
    'Features',
    'false',
    'For tests and benchmarks, which read it from the environment only: true runs the long forms (docs/HACKING.md).',
  ),
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;

/** `.env.example`: every variable commented out with its default, so that copying it unchanged changes nothing. */
export function exampleFile(): string {
  const lines = [
    '# PeerLink reads these when it starts; the real environment wins over this file.',
    '# Each line shows the default: copying this file to .env unchanged changes nothing.',
    '# Sizes also accept 512MiB, durations 24h. docs/CONFIGURATION.md explains them.',
  ];
  let group = '';
  for (const [name, entry] of Object.entries<Variable>(VARIABLES)) {
    if (entry.group !== group) lines.push('', `## ${entry.group}`);
    group = entry.group;
    lines.push(`# ${entry.meaning}${entry.defaultSaid === undefined ? '' : ` Default: ${entry.defaultSaid}.`}`);
    lines.push(`#${name}=${entry.default ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Rows of one group, under the head that `configurationPage` writes. */
function tableRows(group: string): string[] {
  return Object.entries<Variable>(VARIABLES)
    .filter(([, entry]) => entry.group === group)
    .map(([name, entry]) => `| \`${name}\` | ${entry.defaultSaid ?? entry.default ?? 'none'} | ${entry.meaning} |`);
}

export function configurationPage(): string {
  const groups = [...new Set(Object.values<Variable>(VARIABLES).map((entry) => entry.group))];
  const sections = groups.map((group) =>
    [`## ${group}`, '', '| name | default | meaning |', '|---|---|---|', ...tableRows(group)].join('\n'),
  );
  const head = [
    '# Configuration',
    '',
    'Every variable that the server reads. With an invalid value it does not start, and prints one message that names',
    'every invalid setting. If there is a `.env` in the project root it is read too; the real environment takes',
    'precedence. Sizes also accept `512MiB`, durations `24h`.',
    '',
    'This page and `.env.example` are written by `npx tsx scripts/write-configuration.ts`.',
  ].join('\n');
  return `${[head, ...sections].join('\n\n')}\n`;
}
