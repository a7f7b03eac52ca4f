import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../test/support/ports.ts';
import { pretendRedis as pretend, redisOf, sentinelOf } from '../../test/support/pretend-redis.ts';
import { redisSettings } from '../../test/support/redis-settings.ts';
import type { RedisSettings } from '../config.ts';
import { firstConnection } from './first-connection.ts';
import { reconnectDelayMs } from './redis-options.ts';

const SETTINGS = redisSettings({ maxRetries: 2, retryDelayMs: 5, connectTimeoutMs: 2_000 });

const quiet = { info: () => undefined, warn: () => undefined };
const start = (changes: Partial<RedisSettings>) => firstConnection({ ...SETTINGS, ...changes }, quiet);

describe('the first connection to Redis', () => {
  it.each(['6.0.0', '6.2.14', '7.0.15', '10.1.0'])('takes Redis %s', async (version) => {
    const { port } = await pretend(redisOf(version));
    await expect(start({ port })).resolves.toBeUndefined();
  });

  it.each(['5.0.14', '2.8.24'])('refuses Redis %s by name, without trying again', async (version) => {
    const { port, connections } = await pretend(redisOf(version));
    await expect(start({ port })).rejects.toMatchObject({
      type: 'unavailable',
      message: `REDIS_HOST names Redis ${version}; PeerLink needs Redis 6.0 or newer`,
    });
    expect(connections()).toBe(1);
  });

  it('says where nobody answers and how often it asked', async () => {
    const port = await freePort();
    await expect(start({ port })).rejects.toThrow(
      `REDIS_HOST: no Redis answers at 127.0.0.1:${port}, asked 3 times (REDIS_MAX_RETRIES)`,
    );
    await expect(start({ port, maxRetries: 0 })).rejects.toThrow('asked once');
  });

  it('waits for one that accepts and says nothing no longer than REDIS_CONNECT_TIMEOUT', async () => {
    const { port, connections } = await pretend(() => null);
    const startedMs = performance.now();
    await expect(start({ port, connectTimeoutMs: 100, maxRetries: 1 })).rejects.toThrow('REDIS_HOST: no Redis answers');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(connections()).toBe(2);
  });

  it('tries again until one that is starting answers', async () => {
    let asked = 0;
    const { port } = await pretend((name) => {
      if (name !== 'info') return '+OK\r\n';
      asked += 1;
      return asked < 3 ? '-LOADING Redis is loading the dataset in memory\r\n' : redisOf('7.0.0')(name);
    });
    await expect(start({ port })).resolves.toBeUndefined();
    expect(asked).toBe(3);
  });

  it.each([
    [
      'auth',
      '-WRONGPASS invalid username-password pair or user is disabled.\r\n',
      { password: 'x' },
      'REDIS_PASSWORD: Redis refuses',
    ],
    ['info', '-NOAUTH Authentication required.\r\n', {}, 'REDIS_PASSWORD: Redis asks for'],
    ['select', '-ERR DB index is out of range\r\n', { db: 99 }, 'REDIS_DB: Redis has no database'],
  ])('names what is wrong when %s is refused', async (command, refusal, changes, message) => {
    const { port } = await pretend((name) => (name === command ? refusal : redisOf('7.0.0')(name)));
    await expect(start({ port, ...changes })).rejects.toThrow(message);
  });

  it('names the sentinels when they know no master', async () => {
    const port = await freePort();
    await expect(start({ sentinels: [{ host: '127.0.0.1', port }], maxRetries: 0 })).rejects.toThrow(
      'REDIS_SENTINELS: no sentinel names a Redis called mymaster that answers, asked once',
    );
  });

  it.each([
    [null, 'the sentinels ask for a password'],
    ['x', 'the sentinels refuse this password'],
  ])('says that it is the sentinels whose password is wrong: %s', async (sentinelPassword, message) => {
    const { port } = await pretend(() => '-NOAUTH Authentication required.\r\n');
    await expect(start({ sentinels: [{ host: '127.0.0.1', port }], sentinelPassword })).rejects.toThrow(
      `REDIS_SENTINEL_PASSWORD: ${message}`,
    );
  });

  it('asks the next sentinel when one says nothing', async () => {
    const [silent, redis] = [await pretend(() => null), await pretend(redisOf('7.0.0'))];
    const next = await pretend(sentinelOf('127.0.0.1', redis.port));
    const sentinels = [silent, next].map(({ port }) => ({ host: '127.0.0.1', port }));
    await expect(start({ sentinels, connectTimeoutMs: 300, maxRetries: 0 })).resolves.toBeUndefined();
    expect([silent, next].map(({ connections }) => connections())).toEqual([1, 1]);
  });
});

describe('reconnectDelayMs', () => {
  it.each([
    [1, 100, 0, 50],
    [1, 100, 1, 100],
    [3, 100, 1, 400],
    [6, 100, 1, 2_000],
    [1_000_000, 100, 1, 2_000],
  ])('after %d failures, beginning with %d ms, by chance %d, is %d ms', (times, first, random, delayMs) => {
    expect(reconnectDelayMs(times, first, random)).toBe(delayMs);
  });
});
