import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { startForwarder } from '../support/forwarder.ts';
import { freePort } from '../support/ports.ts';
import type { TestServer } from '../support/server.ts';

const START_MS = 180_000;
const FILE_BYTES = 4_000_000;

let cluster: TestCluster;
let first: TestServer;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 1 });
  first = cluster.nodes[0] as TestServer;
}, START_MS);

async function query<Row>(sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

const peerUrls = async () =>
  (await query<{ peer_url: string }>('SELECT peer_url FROM nodes')).map((row) => row.peer_url);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Puts a file on one node and reads it from another. */
async function expectServed(from: TestServer, by: TestServer): Promise<void> {
  const bytes = randomBytes(FILE_BYTES);
  const put = await fetch(`${from.url}/some.bin`, { method: 'PUT', body: bytes });
  expect(put.status).toBe(201);
  const { pathname } = new URL((await put.text()).trim());
  const got = await fetch(`${by.url}${pathname}`);
  expect(sha256(Buffer.from(await got.arrayBuffer()))).toBe(sha256(bytes));
}

describe('a member of a cluster on loopback', () => {
  it.each([
    ['NODE_HOSTNAME', { NODE_HOSTNAME: 'box-2.example' }, 'http://box-2.example:'],
    ['NODE_PEER_URL', { NODE_PEER_URL: 'https://box-2.example' }, 'https://box-2.example'],
    ['the host name as default', { NODE_HOSTNAME: undefined }, `http://${hostname()}:`],
  ])(
    'is not joined by one with another name (%s), which is told so',
    async (_title, env, address) => {
      const message = await cluster.start({ env }).then(
        () => 'it started',
        (fault: Error) => fault.message,
      );
      expect(message).toContain('PeerLink cannot start: NODE_HOSTNAME (or NODE_PEER_URL)');
      expect(message).toContain(address);
      expect(message).toContain(`http://127.0.0.1:${first.port}`);
      expect(await peerUrls()).toEqual([`http://127.0.0.1:${first.port}`]);
    },
    START_MS,
  );

  it(
    'is not joined by a second process on a copy of its data directory, which is told so',
    async () => {
      const copy = tempDirectory('copy');
      mkdirSync(join(copy, 'node-0'));
      copyFileSync(join(first.dataDirectory, 'node-0', 'node.json'), join(copy, 'node-0', 'node.json'));
      const message = await cluster.start({ dataDirectory: copy }).then(
        () => 'it started',
        (fault: Error) => fault.message,
      );
      expect(message).toContain('PeerLink cannot start: another process runs as this node');
      expect(message).toContain(`http://127.0.0.1:${first.port}`);
      expect(await peerUrls()).toEqual([`http://127.0.0.1:${first.port}`]);
    },
    START_MS,
  );

  it(
    'is reached through its NODE_PEER_URL and no other way',
    async () => {
      const port = await freePort();
      const proxy = await startForwarder('127.0.0.1', 0, port);
      const second = await cluster.start({
        port,
        env: { NODE_PEER_URL: `http://127.0.0.1:${proxy.port}`, NODE_PORT: '1' },
      });
      await cluster.settled();
      expect((await peerUrls()).sort()).toEqual(
        [`http://127.0.0.1:${first.port}`, `http://127.0.0.1:${proxy.port}`].sort(),
      );
      const before = proxy.receivedBytes();
      await expectServed(second, first);
      await expectServed(first, second);
      // Bytes of the second file went to the second node as its replica, if not as its reader.
      expect(proxy.receivedBytes() - before).toBeGreaterThan(0);
      expect(proxy.connectionCount()).toBeGreaterThan(0);
      await second.stop();
    },
    START_MS,
  );
});

describe('a member of a cluster elsewhere', () => {
  it(
    'is known by the host name of its machine',
    async () => {
      const { start, databaseUrl } = await startCluster({ nodes: 0 });
      const node = await start({ env: { NODE_HOSTNAME: undefined } });
      const client = new Client({ connectionString: databaseUrl });
      await client.connect();
      const { rows } = await client.query('SELECT peer_url FROM nodes');
      await client.end();
      expect(rows).toEqual([{ peer_url: `http://${hostname()}:${node.port}` }]);
    },
    START_MS,
  );
});
