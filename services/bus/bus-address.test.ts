import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../config.ts';
import { busAddressOf } from './bus-address.ts';

const CLUSTER = { DATABASE_URL: 'postgresql://db/x', USE_CLUSTER: 'true', USE_REDIS: 'true' };

function addressOf(env: Record<string, string>) {
  const outcome = loadConfig(
    { ...CLUSTER, ...env },
    { rootDirectory: '/app', hostname: 'box', readTextFile: () => '' },
  );
  if (!outcome.ok) throw new Error(outcome.faults.join());
  return busAddressOf(outcome.config);
}

describe('busAddressOf', () => {
  it('is none alone', () => {
    expect(addressOf({ USE_CLUSTER: 'false' })).toBeNull();
  });

  it("is the cluster's own Redis when nothing else is said", () => {
    expect(addressOf({ REDIS_HOST: 'redis', REDIS_PASSWORD: 's' })).toMatchObject({
      kind: 'redis',
      variable: 'REDIS_HOST',
      isLocal: false,
      settings: { host: 'redis', port: 6379, password: 's' },
    });
    expect(addressOf({})).toMatchObject({ isLocal: true });
  });

  it('is on this machine only when every sentinel is', () => {
    const sentinels = (list: string) => addressOf({ REDIS_SENTINELS: list });
    expect(sentinels('127.0.0.1:26379,localhost:26380')).toMatchObject({ isLocal: true, variable: 'REDIS_SENTINELS' });
    expect(sentinels('127.0.0.1:26379,s2:26379')).toMatchObject({ isLocal: false });
  });

  it('is another Redis, with the user, password, database and encryption of its address', () => {
    expect(addressOf({ TRANSPORTER: 'rediss://bus%40x:p%2Fw@bus.example:7000/3' })).toMatchObject({
      kind: 'redis',
      variable: 'TRANSPORTER',
      isLocal: false,
      settings: {
        host: 'bus.example',
        port: 7000,
        username: 'bus@x',
        password: 'p/w',
        db: 3,
        isEncrypted: true,
        sentinels: [],
      },
    });
    const plain = addressOf({ REDIS_PASSWORD: 'of the caches', REDIS_TLS: 'true', TRANSPORTER: 'redis://[::1]' });
    expect(plain).toMatchObject({
      isLocal: true,
      settings: { host: '::1', port: 6379, password: null, db: 0, isEncrypted: false },
    });
  });

  it('is NATS', () => {
    expect(addressOf({ TRANSPORTER: 'nats://u:p@127.0.0.1:4222' })).toMatchObject({ kind: 'nats', isLocal: true });
    expect(addressOf({ TRANSPORTER: 'tls://bus.example' })).toMatchObject({ kind: 'nats', isLocal: false });
  });
});
