import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startRedis, type TestRedis } from '../../test/support/redis.ts';
import { redisSettings } from '../../test/support/redis-settings.ts';
import { waitFor } from '../../test/support/waiting.ts';
import { openRedis, type RedisLink } from '../redis/redis-link.ts';
import { redisRateLimiter } from './redis-rate-limit.ts';

const quiet = { info: () => undefined, warn: () => undefined };
let redis: TestRedis;
let links: readonly RedisLink[];

beforeAll(async () => {
  redis = await startRedis();
  const settings = redisSettings({ port: redis.port });
  links = await Promise.all([1, 2, 3].map(() => openRedis(settings, quiet)));
});
afterAll(() => {
  for (const link of links) link.close();
});

/** Three nodes with one limit. */
const nodes = (name: string, points: number, nodeCount = 3) =>
  links.map((link) => redisRateLimiter(link, 'c1', () => nodeCount)(name, points, 60));

/** How many of `count` requests of one key pass, spread over the nodes. */
async function passed(limiters: ReturnType<typeof nodes>, key: string, count: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, index) => limiters[index % limiters.length]?.consume(key)),
  );
  return answers.filter((seconds) => seconds === 0).length;
}

describe('the rate limit of several nodes', () => {
  it('is one, however many nodes are asked at once', async () => {
    const limiters = nodes('one', 20);
    expect(await passed(limiters, 'a', 60)).toBe(20);
    expect(await passed(limiters, 'b', 19)).toBe(19);
    expect(await limiters[0]?.consume('a')).toBeGreaterThan(50);
  });

  it('can be asked for on each of them without taking anything', async () => {
    const limiters = nodes('looked', 2);
    for (let turn = 0; turn < 5; turn += 1) expect(await limiters[turn % 3]?.look('a')).toBe(0);
    expect(await passed(limiters, 'a', 2)).toBe(2);
    expect(await limiters[1]?.look('a')).toBeGreaterThan(50);
    expect(await limiters[1]?.look('b')).toBe(0);
  });

  it('asks Redis no more for whoever goes on long after the first refusal, until they are forgiven', async () => {
    const [limiter] = nodes('flood', 5);
    const commandCount = async () =>
      Number(/total_commands_processed:(\d+)/.exec(String(await redis.command('INFO', 'stats')))?.[1]);
    for (let turn = 0; turn < 10; turn += 1) await limiter?.consume('a');
    const before = await commandCount();
    for (let turn = 0; turn < 500; turn += 1) expect(await limiter?.consume('a')).toBeGreaterThan(50);
    expect(await limiter?.look('a')).toBeGreaterThan(50);
    expect((await commandCount()) - before).toBeLessThan(100);
    await limiter?.forgive('a');
    expect(await limiter?.consume('a')).toBe(0);
  });

  it('refuses for no longer than its window, though the clock is set back meanwhile', async () => {
    const [link] = links;
    if (link === undefined) throw new Error('there is no link');
    const limiter = redisRateLimiter(link, 'c1', () => 1)('set-back', 2, 2);
    for (let turn = 0; turn < 6; turn += 1) await limiter.consume('a');
    expect(await limiter.consume('a')).toBeGreaterThan(0);
    const wallMs = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => wallMs() - 3_600_000);
    try {
      expect(await limiter.consume('a')).toBeLessThanOrEqual(2);
      await waitFor('its window is over', 5_000, async () => (await limiter.look('a')) === 0);
      expect(await limiter.consume('a')).toBe(0);
    } finally {
      clock.mockRestore();
    }
  });

  it('of another cluster on the same Redis is another one', async () => {
    const [link] = links;
    if (link === undefined) throw new Error('there is no link');
    const [one, other] = ['c1', 'c2'].map((cluster) => redisRateLimiter(link, cluster, () => 1)('shared', 1, 60));
    expect([await one?.consume('a'), await other?.consume('a')]).toEqual([0, 0]);
    expect(await one?.consume('a')).toBeGreaterThan(50);
  });

  it('is forgiven, and looked at, while Redis is away too', async () => {
    const away = { ask: () => Promise.reject(new Error('Redis is away')) };
    const limiter = redisRateLimiter(away, 'c1', () => 1)('away', 1, 60);
    expect([await limiter.look('a'), await limiter.consume('a')]).toEqual([0, 0]);
    expect(await limiter.look('a')).toBeGreaterThan(50);
    await limiter.forgive('a');
    expect(await limiter.consume('a')).toBe(0);
  });

  it('is forgiven on all of them', async () => {
    const limiters = nodes('forgiven', 2);
    expect(await passed(limiters, 'a', 3)).toBe(2);
    await limiters[1]?.forgive('a');
    expect(await passed(limiters, 'a', 3)).toBe(2);
  });

  it('goes on after a flush and a lost script', async () => {
    const limiters = nodes('flushed', 5);
    expect(await passed(limiters, 'a', 6)).toBe(5);
    await redis.command('FLUSHALL');
    await redis.command('SCRIPT', 'FLUSH');
    expect(await passed(limiters, 'a', 6)).toBe(5);
  });

  it('of a frozen Redis is each node’s own share, and no request waits longer than half a second', async () => {
    const limiters = nodes('frozen', 10);
    redis.freeze();
    try {
      const startedMs = performance.now();
      expect(await passed(limiters, 'a', 30)).toBe(9);
      expect(performance.now() - startedMs).toBeLessThan(1_500);
      expect(await passed(nodes('small', 2), 'a', 30)).toBe(3);
    } finally {
      redis.thaw();
    }
    await waitFor('Redis counts again', 15_000, () => links.every((link) => link.isUp()));
    expect(await passed(nodes('thawed', 4), 'a', 12)).toBe(4);
  }, 30_000);

  it('of a Redis that was killed is each node’s own share until it is back', async () => {
    await redis.kill9();
    await waitFor('the links notice', 5_000, () => links.every((link) => !link.isUp()));
    expect(await passed(nodes('killed', 9), 'a', 30)).toBe(9);
    await redis.restart();
    await waitFor('the links are back', 15_000, () => links.every((link) => link.isUp()));
    expect(await passed(nodes('back', 4), 'a', 12)).toBe(4);
  }, 40_000);
});
