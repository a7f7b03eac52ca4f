import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { envFaults, parseEnv } from './parse-env.ts';

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

  it('reads sizes, durations and yes as the server does', () => {
    const config = parseEnv({
      DEV: false,
      VITE_CHUNK_SIZE: '64KiB',
      VITE_USE_CLUSTER: ' Yes ',
      VITE_SOCKET_RECONNECTION_DELAY: '2s',
      VITE_SOCKET_RECONNECTION_DELAY_MAX: '500ms',
    });
    expect(config).toMatchObject({
      chunkSizeBytes: 65536,
      usesCluster: true,
      socketReconnectionDelayMs: 2000,
      socketReconnectionDelayMaxMs: 500,
    });
  });

  it('lets the build name every value of the wrong form, and none that is empty', () => {
    const wrong = {
      VITE_BACKEND_URL: 'share.example.com',
      VITE_WS_URL: 'ftp://a',
      VITE_USE_CLUSTER: 'maybe',
      VITE_CLUSTER_NODES: 'https://a.example, b',
      VITE_CHUNK_SIZE: '64 parsecs',
      VITE_UPLOAD_CONCURRENCY: 'six',
      VITE_SOCKET_RECONNECTION_DELAY: '-1',
      VITE_SOCKET_RECONNECTION_DELAY_MAX: '1.5',
      VITE_SOCKET_RECONNECTION_ATTEMPTS: '0',
    };
    expect(envFaults(wrong).map((fault) => fault.split(' ')[0])).toEqual(Object.keys(wrong));
    expect(envFaults(wrong)[5]).toBe('VITE_UPLOAD_CONCURRENCY must be a whole number above 0, found "six"');
    expect(envFaults({})).toEqual([]);
    expect(envFaults({ VITE_BACKEND_URL: '', VITE_CHUNK_SIZE: ' ' })).toEqual([]);
  });

  it('has an example file that names every variable with its default', () => {
    const lines = readFileSync(join(__dirname, '../../.env.example'), 'utf8').split('\n').filter(Boolean);
    expect(lines.every((line) => line.startsWith('#'))).toBe(true);
    const entries = lines.flatMap((line) => {
      const [, name = '', value = ''] = /^#(VITE_\w+)=(.*)$/.exec(line) ?? [];
      return name === '' ? [] : [[name, value] as const];
    });
    const wrong = Object.fromEntries(entries.map(([name]) => [name, '?']));
    expect(envFaults(wrong)).toHaveLength(9);
    expect(parseEnv({ DEV: false, ...Object.fromEntries(entries) })).toEqual(parseEnv({ DEV: false }));
  });
});
