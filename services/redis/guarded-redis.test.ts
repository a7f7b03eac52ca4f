import { describe, expect, it } from '@jest/globals';
import { pretendRedis, sentinelOf } from '../../test/support/pretend-redis.ts';
import { startRedis } from '../../test/support/redis.ts';
import { redisSettings } from '../../test/support/redis-settings.ts';
import type { RedisSettings } from '../config.ts';
import { assertGuarded, placeOf } from './guarded-redis.ts';

/** Reaches this machine's loopback, and is not called so: a Redis anywhere. */
const ANYWHERE = '0.0.0.0';

/** The same, for what looks at the address that a connection leads to. */
const MAPPED = '::ffff:127.0.0.1';

const settings = (changes: Partial<RedisSettings>) =>
  redisSettings({ host: ANYWHERE, maxRetries: 0, retryDelayMs: 5, connectTimeoutMs: 2_000, ...changes });

async function warningsOf(changes: Partial<RedisSettings>, isOpenAllowed = false): Promise<readonly string[]> {
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (_details: object, message: string) => void warnings.push(message) };
  await assertGuarded(settings(changes), isOpenAllowed, log);
  return warnings;
}

describe('the Redis of the sessions', () => {
  it('is refused when it is not on this machine and lets anybody in, whatever password we have', async () => {
    const { port } = await startRedis();
    for (const password of [null, 'for show']) {
      await expect(warningsOf({ port, password })).rejects.toMatchObject({
        type: 'unavailable',
        message: expect.stringMatching(
          /^REDIS_HOST: this Redis is not on this machine and asks for no password.*any session.*ALLOW_INSECURE_BUS=true$/,
        ),
      });
    }
  }, 30_000);

  it('is taken aloud when that is allowed, and without a word with a password or on this machine', async () => {
    const [open, guarded] = [await startRedis(), await startRedis({ password: 'pw' })];
    expect(await warningsOf({ port: open.port }, true)).toEqual([
      expect.stringMatching(/ALLOW_INSECURE_BUS.*any session/),
    ]);
    expect(await warningsOf({ port: guarded.port, password: 'pw' })).toEqual([]);
    expect(await warningsOf({ port: open.port, host: '127.0.0.1' })).toEqual([]);
  }, 30_000);

  it('is where sentinels of this machine lead, which may be elsewhere', async () => {
    const [open, guarded] = [await startRedis(), await startRedis({ password: 'pw' })];
    const warningsAt = async (host: string, port: number, password: string | null) => {
      const sentinel = await pretendRedis(sentinelOf(host, port));
      return await warningsOf({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], password });
    };
    for (const password of [null, 'for show']) {
      await expect(warningsAt(MAPPED, open.port, password)).rejects.toThrow(
        /^REDIS_SENTINELS: this Redis is not on this machine and asks for no password/,
      );
    }
    expect(await warningsAt(MAPPED, guarded.port, 'pw')).toEqual([]);
    expect(await warningsAt('127.0.0.1', open.port, null)).toEqual([]);
  }, 30_000);
});

describe('placeOf', () => {
  it('is this machine when the host is, or every sentinel', () => {
    const sentinels = (...hosts: string[]) =>
      placeOf(settings({ sentinels: hosts.map((host) => ({ host, port: 1 })) }));
    expect(placeOf(settings({ host: 'redis' }))).toEqual({ variable: 'REDIS_HOST', isLocal: false });
    expect(placeOf(settings({ host: '127.0.0.1' }))).toEqual({ variable: 'REDIS_HOST', isLocal: true });
    expect(sentinels('127.0.0.1', 'localhost')).toEqual({ variable: 'REDIS_SENTINELS', isLocal: true });
    expect(sentinels('127.0.0.1', 's2')).toEqual({ variable: 'REDIS_SENTINELS', isLocal: false });
  });
});
