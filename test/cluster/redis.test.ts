import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, describe, expect, it } from '@jest/globals';
import Redis from 'ioredis';
import { startCluster } from '../support/cluster.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { laterThanRedis6 } from '../support/redis-6.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const START_MS = 180_000;
/** "Whatever needs Redis has an answer in half a second", and a busy machine another one and a half. */
const ANSWER_MS = 2_000;

async function newSession(node: Pick<TestServer, 'url'>): Promise<string> {
  const answer = await fetch(`${node.url}/api/session`, { method: 'POST', headers: { origin: node.url } });
  expect(answer.status).toBe(201);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

const statusOf = async (node: Pick<TestServer, 'url'>, cookie: string): Promise<number> => {
  const answer = await fetch(`${node.url}/api/session`, {
    headers: { cookie },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  await answer.arrayBuffer();
  return answer.status;
};

async function put(node: Pick<TestServer, 'url'>, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const answer = await fetch(`${node.url}/some.bin`, {
    method: 'PUT',
    body: bytes,
    signal: AbortSignal.timeout(30_000),
  });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([201, expect.stringContaining('/d/')]);
  return new URL(text.split('\n')[0] ?? '').pathname;
}

async function metric(node: Pick<TestServer, 'url'>, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

const watching: Redis[] = [];
afterAll(() => {
  for (const client of watching) client.disconnect();
});

/** Everything that Redis is told from now on. */
async function watch(redis: TestRedis): Promise<string[][]> {
  const client = new Redis({ host: redis.host, port: redis.port, disableClientInfo: true });
  watching.push(client);
  const heard: string[][] = [];
  const monitor = await client.monitor();
  watching.push(monitor);
  monitor.on('monitor', (_time: string, args: string[]) => heard.push(args));
  return heard;
}

describe('the commands that Redis is told', () => {
  it(
    'are all known to Redis 6.0, in starts, transfers, sessions, limits and hand-overs',
    async () => {
      expect(
        laterThanRedis6([
          ['SET', 'k', 'v', 'PX', '5', 'NX'],
          ['client', 'setname', 'a'],
        ]),
      ).toEqual([]);
      const newer = [
        ['GETEX', 'k'],
        ['set', 'k', 'v', 'PXAT', '5'],
        ['client', 'SETINFO', 'LIB-NAME', 'x'],
      ];
      expect(laterThanRedis6(newer)).toEqual(['client setinfo', 'getex', 'set pxat']);

      const redis = await startRedis();
      const heard = await watch(redis);
      const cluster = await startCluster({ nodes: 2, redis });
      const [first, second] = cluster.nodes as [TestServer, TestServer];
      const cookie = await newSession(first);
      expect(await statusOf(second, cookie)).toBe(200);
      const link = await put(first, new Uint8Array(3_000_000));
      expect((await (await fetch(`${second.url}${link}`)).arrayBuffer()).byteLength).toBe(3_000_000);
      const over = await fetch(`${second.url}/api/session`, {
        method: 'DELETE',
        headers: { cookie, origin: second.url },
      });
      expect(over.status).toBe(204);
      await first.stop();
      const names = new Set(heard.map(([name]) => name?.toLowerCase()));
      expect([...names]).toEqual(
        expect.arrayContaining(['get', 'set', 'eval', 'incrby', 'publish', 'subscribe', 'client']),
      );
      expect(laterThanRedis6(heard)).toEqual([]);
    },
    START_MS,
  );
});

describe('one node with Redis', () => {
  it(
    'keeps sessions and limits in it, and goes on while it is frozen, flushed, killed and back',
    async () => {
      const redis = await startRedis({ password: 'secret of this test' });
      const env = {
        REDIS_HOST: redis.host,
        REDIS_PORT: String(redis.port),
        REDIS_PASSWORD: 'secret of this test',
        USE_CLUSTER: 'false',
        REDIS_RETRY_DELAY: '50ms',
      };
      const node = await startServer({ env });
      const cookie = await newSession(node);
      expect(await statusOf(node, cookie)).toBe(200);
      expect(await metric(node, 'peerlink_session_lookups_total{result="hit"}')).toBe(1);
      expect(await metric(node, 'peerlink_redis_up')).toBe(1);
      const link = await put(node, new Uint8Array(100_000));
      const isServed = async () =>
        (await fetch(`${node.url}${link}`, { signal: AbortSignal.timeout(ANSWER_MS) })).status;

      redis.freeze();
      for (let turn = 0; turn < 20; turn += 1)
        expect([await statusOf(node, cookie), await isServed()]).toEqual([200, 200]);
      await newSession(node);
      expect(await metric(node, 'peerlink_redis_up')).toBe(0);
      redis.thaw();
      await waitFor('it answers again', 20_000, async () => (await metric(node, 'peerlink_redis_up')) === 1);

      await redis.kill9();
      for (let turn = 0; turn < 20; turn += 1)
        expect([await statusOf(node, cookie), await isServed()]).toEqual([200, 200]);
      expect(await metric(node, 'peerlink_session_lookups_total{result="away"}')).toBeGreaterThan(20);
      await redis.restart();
      await waitFor('it is back', 20_000, async () => (await metric(node, 'peerlink_redis_up')) === 1);
      expect([await statusOf(node, cookie), await isServed()]).toEqual([200, 200]);
      expect(node.process.isRunning()).toBe(true);
      expect(node.log()).not.toContain('a fault that nobody caught');
      expect(await node.stop()).toEqual({ code: 0, signal: null });
    },
    START_MS,
  );

  it(
    'refuses a Redis elsewhere that lets anybody in, also for one node, whose bus it is not',
    async () => {
      const { port } = await startRedis();
      const env = { REDIS_HOST: '0.0.0.0', REDIS_PORT: String(port), USE_CLUSTER: 'false' };
      await expect(startServer({ env })).rejects.toThrow(
        /PeerLink cannot start: REDIS_HOST: this Redis is not on this machine and asks for no password/,
      );
    },
    START_MS,
  );

  it(
    'refuses a Redis that is too old, by name',
    async () => {
      const old = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (data) => {
          const text = '# Server\r\nredis_version:5.0.14\r\n';
          socket.write(/info/i.test(data.toString()) ? `$${text.length}\r\n${text}\r\n` : '+OK\r\n');
        });
      }).listen(0, '127.0.0.1');
      await once(old, 'listening');
      const port = String((old.address() as AddressInfo).port);
      const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: port, USE_CLUSTER: 'false' };
      try {
        await expect(startServer({ env })).rejects.toThrow(
          'PeerLink cannot start: REDIS_HOST names Redis 5.0.14; PeerLink needs Redis 6.0 or newer',
        );
      } finally {
        old.close();
      }
    },
    START_MS,
  );
});
