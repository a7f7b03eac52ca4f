/**
 * The only reader of import.meta.env. Every variable is optional: without them the page talks to the origin it was
 * served from. A value that makes no sense falls back to the default, because a page has nobody to report to.
 */
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

function positiveInteger(text: string | undefined, fallback: number): number {
  const value = Number(text);
  return text && Number.isSafeInteger(value) && value > 0 ? value : fallback;
}

function baseUrl(text: string | undefined): string {
  return (text ?? '').trim().replace(/\/+$/, '');
}

const env = import.meta.env;

export const config: FrontendConfig = {
  // In development the Vite server forwards to the backend, so that cookies and origins are as in production.
  backendUrl: env.DEV ? '' : baseUrl(env.VITE_BACKEND_URL),
  socketUrl: env.DEV ? '' : baseUrl(env.VITE_WS_URL) || baseUrl(env.VITE_BACKEND_URL),
  usesCluster: env.VITE_USE_CLUSTER === 'true',
  clusterNodes: (env.VITE_CLUSTER_NODES ?? '').split(',').map(baseUrl).filter(Boolean),
  chunkSizeBytes: positiveInteger(env.VITE_CHUNK_SIZE, 0) || undefined,
  uploadConcurrency: positiveInteger(env.VITE_UPLOAD_CONCURRENCY, 6),
  socketReconnectionDelayMs: positiveInteger(env.VITE_SOCKET_RECONNECTION_DELAY, 1000),
  socketReconnectionDelayMaxMs: positiveInteger(env.VITE_SOCKET_RECONNECTION_DELAY_MAX, 5000),
  socketReconnectionAttempts: positiveInteger(env.VITE_SOCKET_RECONNECTION_ATTEMPTS, 5),
};
