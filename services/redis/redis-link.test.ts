import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../../test/support/cleanup.ts';
import { freePort } from '../../test/support/ports.ts';
import { startProcess } from '../../test/support/processes.ts';
import { askRedis, startRedis, type TestRedis } from '../../test/support/redis.ts';
import { redisSettings } from '../../test/support/redis-settings.ts';
import { waitFor } from '../../test/support/waiting.ts';
import type { RedisSettings } from '../config.ts';
import { ANSWER_DEADLINE_MS, openRedis, type RedisLink } from './redis-link.ts';

const links: RedisLink[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.close();
});

const said: string[] = [];
const log = { info: (_: object, text: string) => said.push(text), warn: (_: object, text: string) => said.push(text) };

async function open(changes: Partial<RedisSettings>): Promise<RedisLink> {
  const link = await openRedis(redisSettings({ port: 1, retryDelayMs: 20, ...changes }), log);
  links.push(link);
  return link;
}

const clientCount = async (redis: TestRedis): Promise<number> =>
  String(await redis.command('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes(' name=peerlink')).length;

describe('the connections to Redis', () => {
  it('are two, in the database asked for, and stay two over restarts', async () => {
    const redis = await startRedis({ password: 'p w' });
    const link = await open({ port: redis.port, password: 'p w', db: 3 });
    await link.ask((client) => client.set('k', 'v'));
    expect(String(await redis.command('INFO', 'keyspace'))).toContain('db3:keys=1');
    const heard: string[] = [];
    link.subscribe('channel', (text) => heard.push(text));
    for (let restart = 0; restart < 3; restart += 1) {
      await redis.kill9();
      await waitFor('the link notices', 5_000, () => !link.isUp());
      await redis.restart();
      await waitFor('the link is back', 10_000, () => link.isUp());
      // The subscription came back with the connection.
      await waitFor('a word is heard', 5_000, () => {
        link.publish('channel', `after ${restart}`);
        return heard.includes(`after ${restart}`);
      });
      expect(await clientCount(redis)).toBe(2);
    }
    expect(said).toEqual(expect.arrayContaining(['Redis answers', 'Redis answers again']));
    expect(said.filter((text) => text.startsWith('Redis is away'))).toHaveLength(3);
  }, 60_000);

  it('say once in the log why they cannot be made again, as after another password', async () => {
    const redis = await startRedis({ password: 'the first' });
    const reasons: string[] = [];
    const warn = ({ reason }: { reason?: string }) => void (reason !== undefined && reasons.push(reason));
    const settings = redisSettings({ port: redis.port, password: 'the first', retryDelayMs: 20 });
    const link = await openRedis(settings, { info: () => undefined, warn });
    links.push(link);
    await redis.command('CONFIG', 'SET', 'requirepass', 'the next');
    await askRedis(redis.port, 'the next', 'CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    const isPassword = (reason: string) => reason.startsWith('WRONGPASS');
    await waitFor('the log says why', 10_000, () => reasons.some(isPassword));
    expect(link.isUp()).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(reasons.filter(isPassword)).toHaveLength(1);
    expect(reasons.join()).not.toContain('the first');
  }, 60_000);

  it('keep no request waiting for a frozen Redis, and the second one not at all', async () => {
    const redis = await startRedis();
    const link = await open({ port: redis.port });
    redis.freeze();
    try {
      const took = async () => {
        const startedMs = performance.now();
        await expect(link.ask((client) => client.get('k'))).rejects.toMatchObject({ type: 'unavailable' });
        return performance.now() - startedMs;
      };
      expect(await took()).toBeLessThan(3 * ANSWER_DEADLINE_MS);
      // The best of some: a machine that does much else may hold up one of them.
      const later = [await took(), await took(), await took()];
      expect(Math.min(...later)).toBeLessThan(ANSWER_DEADLINE_MS / 2);
      link.publish('channel', 'lost');
      expect(link.isUp()).toBe(false);
    } finally {
      redis.thaw();
    }
    await waitFor('the link is back', 15_000, () => link.isUp());
    expect(await link.ask((client) => client.get('k'))).toBeNull();
  }, 40_000);

  it('take an answer that refuses for an answer', async () => {
    const redis = await startRedis();
    const link = await open({ port: redis.port });
    await expect(link.ask((client) => client.call('NOSUCH'))).rejects.toMatchObject({ type: 'unavailable' });
    expect(link.isUp()).toBe(true);
    expect(await link.ask((client) => client.ping())).toBe('PONG');
  });

  it('find the Redis that sentinels name', async () => {
    const redis = await startRedis();
    const port = await freePort();
    const folder = tempDirectory('sentinel');
    // A sentinel writes its state into its configuration, and wants one.
    writeFileSync(
      `${folder}/sentinel.conf`,
      `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor home 127.0.0.1 ${redis.port} 1\n`,
    );
    startProcess('redis-server', [`${folder}/sentinel.conf`, '--sentinel']);
    const link = await open({ sentinels: [{ host: '127.0.0.1', port }], sentinelMaster: 'home', maxRetries: 50 });
    await link.ask((client) => client.set('through', 'a sentinel'));
    expect(await redis.command('GET', 'through')).toBe('a sentinel');
    await expect(
      open({ sentinels: [{ host: '127.0.0.1', port }], sentinelMaster: 'other', maxRetries: 0 }),
    ).rejects.toThrow('REDIS_SENTINELS: no sentinel names a Redis called other');
  }, 40_000);
});
