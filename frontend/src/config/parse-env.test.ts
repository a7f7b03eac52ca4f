import { describe, expect, it } from '@jest/globals';
import { parseEnv } from './parse-env.ts';

describe('front end configuration', () => {
  it('talks to its own origin, six runs at a time, when nothing is set', () => {
    expect(parseEnv({ DEV: false })).toEqual({
      backendUrl: '',
      socketUrl: '',
      usesCluster: false,
      clusterNodes: [],
      chunkSizeBytes: undefined,
      uploadConcurrency: 6,
      socketReconnectionDelayMs: 1000,
      socketReconnectionDelayMaxMs: 5000,
      socketReconnectionAttempts: 5,
    });
  });

  it('takes every variable', () => {
    const config = parseEnv({
      DEV: false,
      VITE_BACKEND_URL: 'https://a.example/',
      VITE_WS_URL: 'https://b.example',
      VITE_USE_CLUSTER: 'true',
      VITE_CLUSTER_NODES: 'https://n1.example/, https://n2.example,',
      VITE_CHUNK_SIZE: '65536',
      VITE_UPLOAD_CONCURRENCY: '3',
      VITE_SOCKET_RECONNECTION_DELAY: '10',
      VITE_SOCKET_RECONNECTION_DELAY_MAX: '20',
      VITE_SOCKET_RECONNECTION_ATTEMPTS: '2',
    });
    expect(config).toEqual({
      backendUrl: 'https://a.example',
      socketUrl: 'https://b.example',
      usesCluster: true,
      clusterNodes: ['https://n1.example', 'https://n2.example'],
      chunkSizeBytes: 65536,
      uploadConcurrency: 3,
      socketReconnectionDelayMs: 10,
      socketReconnectionDelayMaxMs: 20,
      socketReconnectionAttempts: 2,
    });
  });

  it('lets the socket follow the backend, and both stay home in development', () => {
    expect(parseEnv({ DEV: false, VITE_BACKEND_URL: 'https://a.example' }).socketUrl).toBe('https://a.example');
    expect(parseEnv({ DEV: true, VITE_BACKEND_URL: 'https://a.example' }).backendUrl).toBe('');
  });

  it.each(['', '0', '-1', '1.5', 'six', '9007199254740993'])('falls back to six for a concurrency of %j', (text) => {
    expect(parseEnv({ DEV: false, VITE_UPLOAD_CONCURRENCY: text }).uploadConcurrency).toBe(6);
  });
});
