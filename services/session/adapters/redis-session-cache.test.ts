import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '../../../test/support/redis.ts';
import { redisSettings } from '../../../test/support/redis-settings.ts';
import { waitFor } from '../../../test/support/waiting.ts';
import { systemClock } from '../../kernel/clock.ts';
import { openRedis, type RedisLink } from '../../redis/redis-link.ts';
import type { SessionCache, SessionRow } from '../ports.ts';
import { createRedisSessionCache } from './redis-session-cache.ts';

let redis: TestRedis;
let link: RedisLink;
let cache: SessionCache;
beforeAll(async () => {
  redis = await startRedis();
  const quiet = { info: () => undefined, warn: () => undefined };
  link = await openRedis(redisSettings({ port: redis.port }), quiet);
  cache = createRedisSessionCache(link, 'c1');
});
afterAll(() => link.close());

const session = (key: string, id: string, livesForMs = 3_600_000): SessionRow => ({
  id,
  tokenHashHex: key,
  displayName: 'Ω 名 🦊',
  createdAt: new Date(1_700_000_000_000),
  lastUsedAt: new Date(1_700_000_001_000),
  expiresAt: new Date(Date.now() + livesForMs),
  revokedAt: null,
});
const keyOf = (key: string) => `peerlink:c1:session:${key}`;
const ttlMs = async (key: string) => Number(await redis.command('PTTL', keyOf(key)));

describe('the session cache in Redis', () => {
  it('gives back what was put in, for so long', async () => {
    const row = session('k1', 'a');
    await cache.add(row, 5_000);
    expect(await cache.get('k1')).toEqual(row);
    expect(await ttlMs('k1')).toBeGreaterThan(3_000);
    expect(await ttlMs('k1')).toBeLessThanOrEqual(5_000);
    await cache.add(session('k2', 'b'), 20);
    await waitFor('it is gone', 10_000, async () => (await cache.get('k2')) === 'unknown');
    expect(await cache.get('never')).toBe('unknown');
  });

  it('never outlives the session itself, and takes none that is over', async () => {
    await cache.add(session('k3', 'a', 300), 60_000);
    expect(await ttlMs('k3')).toBeLessThanOrEqual(300);
    await cache.replace(session('k4', 'a', -1), 60_000);
    expect(await cache.get('k4')).toBe('unknown');
  });

  it('takes the end of a session as the clock says that all nodes share, not the machine', async () => {
    const behindMs = 90_000;
    const shared = { ...systemClock, now: () => Date.now() - behindMs };
    const ownAhead = createRedisSessionCache(link, 'c1', shared);
    const row = { ...session('k6', 'a'), expiresAt: new Date(shared.now() + 5_000) };
    await ownAhead.add(row, 60_000);
    expect(await ttlMs('k6')).toBeGreaterThan(3_000);
    expect(await ownAhead.get('k6')).toEqual(row);
    // By this machine's own clock it was over long ago.
    expect(await cache.get('k6')).toBe('unknown');
  });

  it('keeps what is newer: an addition fills, a replacement replaces, and neither wakes a revoked session', async () => {
    await cache.add(session('k5', 'a'), 5_000);
    await cache.add(session('k5', 'b'), 5_000);
    expect(await cache.get('k5')).toMatchObject({ id: 'a' });
    await cache.replace(session('k5', 'b'), 5_000);
    expect(await cache.get('k5')).toMatchObject({ id: 'b' });
    await cache.revoke('k5', 5_000);
    await cache.add(session('k5', 'c'), 5_000);
    await cache.replace(session('k5', 'c'), 5_000);
    expect(await cache.get('k5')).toBe('revoked');
  });

  it.each(['', 'x', '{}', '[]', '[1,2,3,4,5]', '["a","b",1,2]', '["a","b",1,2,"z"]', '["a","b",1,2,3]', 'null'])(
    'takes %j in its place for nothing',
    async (text) => {
      await redis.command('SET', keyOf('k6'), text);
      expect(await cache.get('k6')).toBe('unknown');
    },
  );

  it('knows nothing while Redis is away, and says so', async () => {
    await cache.add(session('k7', 'a'), 60_000);
    redis.freeze();
    try {
      expect(await cache.get('k7')).toBe('away');
      await cache.add(session('k8', 'a'), 60_000);
      await cache.revoke('k7', 60_000);
    } finally {
      redis.thaw();
    }
    await waitFor('Redis answers again', 15_000, () => link.isUp());
    expect(await cache.get('k8')).toBe('unknown');
  }, 30_000);
});
