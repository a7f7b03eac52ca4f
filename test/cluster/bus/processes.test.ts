import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Encoder } from 'cbor-x';
import Redis from 'ioredis';
import { connect } from 'nats';
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { startNats } from '../../support/nats.ts';
import { freePort } from '../../support/ports.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';

/** Longer than ioredis' twenty tries, after which a publish in flight used to end the process. */
const AWAY_MS = 15_000;

async function clusterOf(node: TestServer): Promise<ClusterResponse> {
  return (await (
    await fetch(`${node.url}/api/cluster`, { signal: AbortSignal.timeout(5_000) })
  ).json()) as ClusterResponse;
}

async function stateOf(node: TestServer, id: string): Promise<string | undefined> {
  return (await clusterOf(node)).nodes.find((seen) => seen.id === id)?.state;
}

/** The id of the node that a server is. */
async function idOf(node: TestServer): Promise<string> {
  const id = /"nodeId":"([^"]+)"/.exec(node.log())?.[1];
  if (id === undefined) throw new Error('no node id in the log');
  return id;
}

async function rejectedBy(node: TestServer, reason: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(new RegExp(`^peerlink_bus_rejected_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function passesFile(from: TestServer, to: TestServer): Promise<void> {
  const bytes = randomBytes(3_000_000);
  const put = await fetch(`${from.url}/a.bin`, { method: 'PUT', body: bytes, signal: AbortSignal.timeout(20_000) });
  const text = await put.text();
  if (put.status !== 201) throw new Error(text);
  const { pathname } = new URL(text.split('\n')[0] ?? '');
  const got = await fetch(`${to.url}${pathname}`, { signal: AbortSignal.timeout(20_000) });
  expect(sha256(Buffer.from(await got.arrayBuffer()))).toBe(sha256(bytes));
}

interface BusOfCluster {
  readonly cluster: TestCluster;
  readonly kill9: () => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly publish: (channel: string, message: Buffer) => Promise<void>;
}

async function overRedis(nodes: number): Promise<BusOfCluster> {
  const cluster = await startCluster({ nodes });
  const { redis } = cluster;
  return {
    cluster,
    kill9: () => redis.kill9(),
    restart: () => redis.restart(),
    publish: async (channel, message) => {
      const client = new Redis({ host: redis.host, port: redis.port });
      try {
        await client.publish(channel, message);
      } finally {
        client.disconnect();
      }
    },
  };
}

async function overNats(nodes: number): Promise<BusOfCluster> {
  const nats = await startNats({ user: 'nodes', password: 'pw' });
  const cluster = await startCluster({ nodes, env: { TRANSPORTER: nats.url } });
  return {
    cluster,
    kill9: () => nats.kill9(),
    restart: () => nats.restart(),
    publish: async (channel, message) => {
      const client = await connect({ servers: `127.0.0.1:${nats.port}`, user: 'nodes', pass: 'pw' });
      client.publish(channel, message);
      await client.drain();
    },
  };
}

// Side by side, since most of it is waiting.
it.concurrent.each([
  ['Redis', overRedis],
  ['NATS', overNats],
] as const)(
  'nodes whose bus is %s ignore and count a forged INFO and a forged call, and outlive a bus that is away for 15 s',
  async (_name, start) => {
    const { cluster, publish, kill9, restart } = await start(2);
    const [a, b] = cluster.nodes as [TestServer, TestServer];
    const { clusterId } = await clusterOf(a);
    const victim = await idOf(b);
    const before = await rejectedBy(b, 'malformed');
    const forged = { ver: '4', sender: victim, services: [], config: {}, instanceID: 'x', metadata: {}, seq: 9 };
    const call = { ver: '4', sender: 'x', id: 'x', action: 'session.revoke', params: { sessionId: 'x' }, meta: {} };
    await publish(`MOL-peerlink-${clusterId}.INFO`, Buffer.from(JSON.stringify(forged)));
    await publish(`MOL-peerlink-${clusterId}.INFO.${victim}`, new Encoder({ useRecords: false }).encode(forged));
    await publish(`MOL-peerlink-${clusterId}.REQ.${victim}`, new Encoder({ useRecords: false }).encode(call));
    await waitFor('they are counted', 5_000, async () => (await rejectedBy(b, 'malformed')) >= before + 3);
    expect(b.process.isRunning()).toBe(true);
    await cluster.settled();

    await kill9();
    await waitFor('the node says that its bus is away', 15_000, async () => (await stateOf(b, victim)) === 'degraded');
    await passesFile(a, a);
    await delay(AWAY_MS);
    expect([a, b].map((node) => node.process.isRunning())).toEqual([true, true]);
    await restart();
    await cluster.settled();
    await passesFile(a, b);
    await passesFile(b, a);
    // Healthy in the eyes of both; a busy machine may make one late for a moment.
    await cluster.settled();
    expect((await clusterOf(a)).nodes.map(({ id }) => id).sort()).toEqual([victim, await idOf(a)].sort());
  },
  180_000,
);

describe('nodes whose every packet comes twice', () => {
  it('come to the same state as if it came once', async () => {
    const { cluster } = await overRedis(2);
    const { redis } = cluster;
    const [a, b] = cluster.nodes as [TestServer, TestServer];
    const [listener, speaker] = [new Redis(redis.url), new Redis(redis.url)];
    const seen = new Set<string>();
    listener.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) => {
      const key = message.toString('latin1');
      if (seen.delete(key)) return;
      seen.add(key);
      speaker.publish(channel, message).catch(() => undefined);
    });
    await listener.psubscribe('MOL-*');
    try {
      const json = { 'content-type': 'application/json' };
      const made = await fetch(`${a.url}/api/session`, { method: 'POST', headers: json, body: '{}' });
      const cookie = (made.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
      const headers = { ...json, cookie, origin: a.url };
      const open = (node: TestServer) =>
        fetch(`${node.url}/api/transfers`, {
          method: 'POST',
          headers: { ...headers, origin: node.url, 'idempotency-key': 'one-and-the-same' },
          body: JSON.stringify({ files: [{ path: 'a.bin', sizeBytes: 1_000_000 }] }),
        });
      // The client repeats itself too, at another node.
      const [first, second] = [await open(a), await open(b)];
      expect([first.status, second.status]).toEqual([201, 201]);
      const opened = (await first.json()) as { transfer: { id: string }; uploadToken: string };
      expect(await second.json()).toMatchObject({
        transfer: { id: opened.transfer.id },
        uploadToken: opened.uploadToken,
      });
      const bytes = randomBytes(1_000_000);
      const put = (node: TestServer) =>
        fetch(`${node.url}/api/transfers/${opened.transfer.id}/files/0?offset=0`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${opened.uploadToken}` },
          body: bytes,
        });
      expect([(await put(b)).status, (await put(a)).status]).toEqual([200, 200]);
      const list = async (node: TestServer) => {
        const answer = await fetch(`${node.url}/api/transfers`, { headers: { cookie } });
        return ((await answer.json()) as { transfers: { id: string; state: string }[] }).transfers;
      };
      for (const node of [a, b]) {
        expect(await list(node)).toMatchObject([{ id: opened.transfer.id, state: 'sealed' }]);
      }
      const end = (node: TestServer) =>
        fetch(`${node.url}/api/transfers/${opened.transfer.id}`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${opened.uploadToken}` },
        });
      expect([(await end(a)).status, (await end(b)).status]).toEqual([204, 204]);
      await waitFor('copies were dropped', 10_000, async () => {
        const counts = await Promise.all([a, b].map((node) => rejectedBy(node, 'replayed')));
        return counts.every((count) => count > 5);
      });
      await cluster.settled();
      expect([a, b].map((node) => node.process.isRunning())).toEqual([true, true]);
      expect((await clusterOf(a)).nodes).toHaveLength(2);
    } finally {
      listener.disconnect();
      speaker.disconnect();
    }
  }, 120_000);
});

describe('nodes that run some services each', () => {
  it('are one cluster: the edge takes and serves what storage keeps, with sessions kept by another', async () => {
    const cluster = await startCluster({ nodes: 1, env: { REPLICATION_FACTOR: '2' } });
    const storage = await cluster.start({ env: { SERVICES: 'transfer' } });
    const edge = await cluster.start({ env: { SERVICES: 'gateway' } });
    const [all] = cluster.nodes as [TestServer, TestServer, TestServer];
    await waitFor('all see each other', 20_000, async () => {
      const { nodes } = await clusterOf(edge);
      return nodes.length === 3 && nodes.every(({ state }) => state === 'healthy');
    });
    // Storage alone speaks to no client.
    expect((await fetch(`${storage.url}/api/cluster`)).status).toBe(404);
    expect((await fetch(`${storage.url}/a.bin`, { method: 'PUT', body: 'x' })).status).toBe(404);
    expect((await fetch(`${storage.url}/readyz`)).status).toBe(200);
    // The session service runs elsewhere.
    const session = await fetch(`${edge.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([200, 201]).toContain(session.status);
    await passesFile(edge, all);
    await passesFile(all, edge);
  }, 180_000);
});

describe('a node whose bus is not to be had', () => {
  it('is refused at start and names what is wrong', async () => {
    const { redis, databaseUrl } = await startCluster({ nodes: 0 });
    const start = (env: Record<string, string>) =>
      startServer({
        readyDeadlineMs: 60_000,
        env: {
          DATABASE_URL: databaseUrl,
          REDIS_HOST: '127.0.0.1',
          REDIS_PORT: String(redis.port),
          USE_CLUSTER: 'true',
          NODE_HOSTNAME: '127.0.0.1',
          REDIS_MAX_RETRIES: '1',
          ...env,
        },
      });
    const nobody = await freePort();
    await expect(start({ REDIS_PORT: String(nobody) })).rejects.toThrow(
      `REDIS_HOST: no Redis answers at 127.0.0.1:${nobody}, asked 2 times`,
    );
    await expect(start({ TRANSPORTER: `nats://127.0.0.1:${nobody}` })).rejects.toThrow(
      `TRANSPORTER: no NATS answers at 127.0.0.1:${nobody}, asked 2 times`,
    );
    await expect(start({ REDIS_HOST: '0.0.0.0' })).rejects.toThrow('REDIS_HOST: this Redis is not on this machine');
  }, 180_000);
});
