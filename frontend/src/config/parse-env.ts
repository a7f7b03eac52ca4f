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

function positiveInteger(text: string | undefined, fallback: number): number {
  const value = Number(text);
  return text && Number.isSafeInteger(value) && value > 0 ? value : fallback;
}

function baseUrl(text: string | undefined): string {
  return (text ?? '').trim().replace(/\/+$/, '');
}

/**
 * Every variable is optional: without them the page talks to the origin it was served from. A value that makes no
 * sense falls back to the default, because a page has nobody to report to.
 */
export function parseEnv(env: FrontendEnv): FrontendConfig {
  const backendUrl = baseUrl(env.VITE_BACKEND_URL);
  return {
    // In development the Vite server forwards to the backend, so that cookies and origins are as in production.
    backendUrl: env.DEV ? '' : backendUrl,
    socketUrl: env.DEV ? '' : baseUrl(env.VITE_WS_URL) || backendUrl,
    usesCluster: env.VITE_USE_CLUSTER === 'true',
    clusterNodes: (env.VITE_CLUSTER_NODES ?? '').split(',').map(baseUrl).filter(Boolean),
    chunkSizeBytes: positiveInteger(env.VITE_CHUNK_SIZE, 0) || undefined,
    uploadConcurrency: positiveInteger(env.VITE_UPLOAD_CONCURRENCY, 6),
    socketReconnectionDelayMs: positiveInteger(env.VITE_SOCKET_RECONNECTION_DELAY, 1000),
    socketReconnectionDelayMaxMs: positiveInteger(env.VITE_SOCKET_RECONNECTION_DELAY_MAX, 5000),
    socketReconnectionAttempts: positiveInteger(env.VITE_SOCKET_RECONNECTION_ATTEMPTS, 5),
  };
}
