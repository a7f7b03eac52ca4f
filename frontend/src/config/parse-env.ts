/** What the page's build can be told (docs/OPERATIONS.md has the table). */
export interface FrontendConfig {
  /** Origin of the HTTP API, without a trailing slash; empty = the page's own. */
  readonly backendUrl: string;
  /** Origin of Socket.IO; empty = the page's own. */
  readonly socketUrl: string;
  readonly usesCluster: boolean;
  /** Base URLs to begin with when `usesCluster`. */
  readonly clusterNodes: readonly string[];
  /** The client's wish, undefined = the server's choice. */
  readonly chunkSizeBytes: number | undefined;
  readonly uploadConcurrency: number;
  readonly socketReconnectionDelayMs: number;
  readonly socketReconnectionDelayMaxMs: number;
  readonly socketReconnectionAttempts: number;
}

export interface FrontendEnv {
  readonly DEV: boolean;
  readonly VITE_BACKEND_URL?: string;
  readonly VITE_WS_URL?: string;
  readonly VITE_USE_CLUSTER?: string;
  readonly VITE_CLUSTER_NODES?: string;
  readonly VITE_CHUNK_SIZE?: string;
  readonly VITE_UPLOAD_CONCURRENCY?: string;
  readonly VITE_SOCKET_RECONNECTION_DELAY?: string;
  readonly VITE_SOCKET_RECONNECTION_DELAY_MAX?: string;
  readonly VITE_SOCKET_RECONNECTION_ATTEMPTS?: string;
}

/** What a variable's text says; undefined when it makes no sense. */
type Reading<T> = (text: string) => T | undefined;

/** Above 0, in the unit that has the factor 1 or in another one, as the server reads its own settings. */
function quantity(factors: Readonly<Record<string, number>>): Reading<number> {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d{1,16}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text) ?? [];
    const value = Number(digits) * (factors[unit.toLowerCase()] ?? Number.NaN);
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
}

const count = quantity({ '': 1 });
const size = quantity({ '': 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, kb: 1e3, mb: 1e6 });
const milliseconds = quantity({ '': 1, ms: 1, s: 1000, m: 60_000, min: 60_000 });

const yesOrNo: Reading<boolean> = (text) => {
  const word = text.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'no', 'off'].includes(word) ? false : undefined;
};

const baseUrl: Reading<string> = (text) =>
  /^https?:\/\/[^/?#\s]+[^?#\s]*$/i.test(text) && URL.canParse(text) ? text.replace(/\/+$/, '') : undefined;

const baseUrls: Reading<readonly string[]> = (text) => {
  const parts = text.split(',').map((part) => part.trim());
  const urls = parts.filter(Boolean).map(baseUrl);
  return urls.includes(undefined) || urls.length === 0 ? undefined : (urls as string[]);
};

const READINGS = {
  VITE_BACKEND_URL: [baseUrl, 'a URL such as https://share.example.com'],
  VITE_WS_URL: [baseUrl, 'a URL such as https://share.example.com'],
  VITE_USE_CLUSTER: [yesOrNo, 'true or false'],
  VITE_CLUSTER_NODES: [baseUrls, 'comma-separated URLs such as https://node-1.example.com'],
  VITE_CHUNK_SIZE: [size, 'a size above 0, such as 64KiB'],
  VITE_UPLOAD_CONCURRENCY: [count, 'a whole number above 0'],
  VITE_SOCKET_RECONNECTION_DELAY: [milliseconds, 'a duration above 0, such as 1s'],
  VITE_SOCKET_RECONNECTION_DELAY_MAX: [milliseconds, 'a duration above 0, such as 5s'],
  VITE_SOCKET_RECONNECTION_ATTEMPTS: [count, 'a whole number above 0'],
} as const satisfies Record<Exclude<keyof FrontendEnv, 'DEV'>, readonly [Reading<unknown>, string]>;

type Name = keyof typeof READINGS;
type ValueOf<N extends Name> = NonNullable<ReturnType<(typeof READINGS)[N][0]>>;

/** "A value of the wrong form stops the start": one sentence a fault, which begins with the variable's name. */
export function envFaults(env: Partial<FrontendEnv>): string[] {
  return (Object.keys(READINGS) as Name[]).flatMap((name) => {
    const text = env[name]?.trim();
    if (!text || READINGS[name][0](text) !== undefined) return [];
    return [`${name} must be ${READINGS[name][1]}, found ${JSON.stringify(text)}`];
  });
}

/**
 * Every variable is optional: without them the page talks to the origin it was served from. The build has refused what
 * makes no sense (vite.config.ts); here it counts for nothing, because a page has nobody to report to.
 */
export function parseEnv(env: FrontendEnv): FrontendConfig {
  const value = <N extends Name, T>(name: N, fallback: T) =>
    (READINGS[name][0](env[name]?.trim() ?? '') ?? fallback) as ValueOf<N> | T;
  const backendUrl = value('VITE_BACKEND_URL', '');
  return {
    // In development the Vite server forwards to the backend, so that cookies and origins are as in production.
    backendUrl: env.DEV ? '' : backendUrl,
    socketUrl: env.DEV ? '' : value('VITE_WS_URL', backendUrl),
    usesCluster: value('VITE_USE_CLUSTER', false),
    clusterNodes: value('VITE_CLUSTER_NODES', []),
    chunkSizeBytes: value('VITE_CHUNK_SIZE', undefined),
    uploadConcurrency: value('VITE_UPLOAD_CONCURRENCY', 6),
    socketReconnectionDelayMs: value('VITE_SOCKET_RECONNECTION_DELAY', 1000),
    socketReconnectionDelayMaxMs: value('VITE_SOCKET_RECONNECTION_DELAY_MAX', 5000),
    socketReconnectionAttempts: value('VITE_SOCKET_RECONNECTION_ATTEMPTS', 5),
  };
}
