import { request } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { errorTypeOf } from '../../services/contracts/errors.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestServer } from '../support/server.ts';

const START_MS = 180_000;
/** `TEST_LONG=true`: as often as the promise is stated. */
const RUNS = process.env.TEST_LONG === 'true' ? 100 : 8;
const PARALLEL = 50;
const FILE_BYTES = 300_000;
const UPLOADS_PER_MINUTE = 40;
const OPEN_TRANSFERS = 5;

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly bytes: Buffer;
}

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({
    nodes: 3,
    env: {
      TRUSTED_PROXIES: '127.0.0.1/32',
      RATE_LIMIT_UPLOADS_PER_MINUTE: String(UPLOADS_PER_MINUTE),
      RATE_LIMIT_DOWNLOADS_PER_MINUTE: '1000000',
      MAX_CONCURRENT_TRANSFERS: String(OPEN_TRANSFERS),
      MAX_CONCURRENT_DOWNLOADS: '100',
    },
  });
}, START_MS);

const nodeAt = (index: number) => cluster.nodes[index % cluster.nodes.length] as TestServer;
let made = 0;
/** A client of its own for all limits by address. */
const newAddress = (): string => {
  made += 1;
  return `10.${(made >> 16) & 255}.${(made >> 8) & 255}.${made & 255}`;
};

/** One request over a connection of its own, so that all of them are under way at once. */
function ask(
  node: TestServer,
  path: string,
  options: { method?: string; headers?: Record<string, string>; address: string; body?: string | Buffer },
): Promise<Answer> {
  const { method = 'GET', headers = {}, address, body } = options;
  return new Promise((resolve, reject) => {
    const asking = request(
      `${node.url}${path}`,
      { method, agent: false, headers: { ...headers, 'X-Forwarded-For': address }, timeout: 30_000 },
      (res) => {
        const parts: Buffer[] = [];
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('error', reject);
        res.on('end', () => {
          const bytes = Buffer.concat(parts);
          const isProblem = res.headers['content-type']?.startsWith('application/problem+json') === true;
          const type = isProblem && bytes.length > 0 ? errorTypeOf(JSON.parse(bytes.toString())) : undefined;
          resolve({ status: res.statusCode ?? 0, type, bytes });
        });
      },
    );
    asking.on('error', reject);
    asking.on('timeout', () => asking.destroy(new Error(`${method} ${path} had no answer in 30 s`)));
    asking.end(body);
  });
}

const openTransfer = (node: TestServer, address: string, headers: Record<string, string> = {}) =>
  ask(node, '/api/transfers', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    address,
    body: JSON.stringify({ files: [{ path: 'a.bin', sizeBytes: 10 }] }),
  });

const counted = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status, type } of answers) {
    const name = type ?? String(status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

describe('limits are of the cluster, not of a node', () => {
  it('transfers opened a minute', async () => {
    const address = newAddress();
    const body = Buffer.alloc(10);
    const put = (index: number) => ask(nodeAt(index), '/a.bin', { method: 'PUT', address, body });
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => put(index)));
    // All of one client at once meet other bounds too, which are looked at behind the rate.
    const { 201: passed = 0, rate_limited: refused = 0 } = counted(answers);
    expect(refused).toBe(60 - UPLOADS_PER_MINUTE);
    expect(passed).toBeGreaterThan(0);
    expect((await put(1)).type).toBe('rate_limited');
    expect((await ask(nodeAt(1), '/a.bin', { method: 'PUT', address: newAddress(), body })).status).toBe(201);
  });

  it('transfers open at once, by address', async () => {
    const address = newAddress();
    const answers = await Promise.all(Array.from({ length: 24 }, (_, index) => openTransfer(nodeAt(index), address)));
    expect(counted(answers)).toEqual({ 201: OPEN_TRANSFERS, too_many_transfers: 24 - OPEN_TRANSFERS });
  });

  it('transfers open at once, by session', async () => {
    const node = nodeAt(0);
    const session = await fetch(`${node.url}/api/session`, { method: 'POST', headers: { origin: node.url } });
    const cookie = (session.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        openTransfer(nodeAt(index), newAddress(), { cookie, origin: nodeAt(index).url }),
      ),
    );
    expect(counted(answers)).toEqual({ 201: OPEN_TRANSFERS, too_many_transfers: 24 - OPEN_TRANSFERS });
  });
});

describe('a share with one download', () => {
  /** Every fifth is a HEAD, every fifth a preview, two of five ask for ranges that end with the file. */
  const kinds = ['get', 'range', 'head', 'preview', 'tail'] as const;

  function askAs(kind: (typeof kinds)[number], node: TestServer, path: string): Promise<Answer> {
    const address = newAddress();
    switch (kind) {
      case 'get':
        return ask(node, path, { address });
      case 'range':
        return ask(node, path, { address, headers: { Range: 'bytes=0-' } });
      case 'tail':
        return ask(node, path, { address, headers: { Range: `bytes=${FILE_BYTES / 2}-` } });
      case 'head':
        return ask(node, path, { address, method: 'HEAD' });
      case 'preview':
        return ask(node, path, { address, headers: { 'User-Agent': 'Slackbot-LinkExpanding 1.0' } });
    }
  }

  async function run(number: number): Promise<void> {
    const bytes = Buffer.alloc(FILE_BYTES, number + 1);
    const put = await ask(nodeAt(number), '/one.bin', {
      method: 'PUT',
      address: newAddress(),
      headers: { 'Max-Downloads': '1' },
      body: bytes,
    });
    expect(put.status).toBe(201);
    const path = new URL(put.bytes.toString().split('\n')[0] ?? '').pathname;
    const asked = Array.from({ length: PARALLEL }, (_, index) => ({
      kind: kinds[(index + number) % kinds.length] ?? 'get',
      node: nodeAt(index),
    }));
    const answers = await Promise.all(asked.map(({ kind, node }) => askAs(kind, node, path)));
    const complete: Buffer[] = [];
    answers.forEach((answer, index) => {
      const kind = asked[index]?.kind ?? 'get';
      if (kind === 'head') expect([kind, answer.status, answer.bytes.length]).toEqual([kind, 200, 0]);
      else if (kind === 'preview') expect(answer.bytes.includes(bytes.subarray(0, 64))).toBe(false);
      else if (answer.status < 300) complete.push(answer.bytes);
      else
        expect([`${answer.status} ${answer.type}`]).toContain(answer.status === 429 ? '429 slots_held' : '410 used_up');
    });
    expect(complete).toHaveLength(1);
    const [served] = complete as [Buffer];
    expect([FILE_BYTES, FILE_BYTES / 2]).toContain(served.length);
    expect(served.equals(bytes.subarray(0, served.length))).toBe(true);
    for (const node of cluster.nodes) expect((await ask(node, path, { address: newAddress() })).type).toBe('used_up');
  }

  it(`is downloaded once by ${PARALLEL} that ask three nodes at once, ${RUNS} of ${RUNS} times`, async () => {
    let completed = 0;
    for (let number = 0; number < RUNS; number += 1) {
      await run(number);
      completed += 1;
    }
    expect(completed).toBe(RUNS);
  }, 400_000);

  it('is served at most twice under one lease, however many ask every node at once', async () => {
    const bytes = Buffer.alloc(FILE_BYTES, 7);
    const address = newAddress();
    const put = await ask(nodeAt(0), '/two.bin', {
      method: 'PUT',
      address,
      headers: { 'Max-Downloads': '1' },
      body: bytes,
    });
    const { origin, pathname } = new URL(put.bytes.toString().split('\n')[0] ?? '');
    expect(origin).toBe(nodeAt(0).url);
    const begun = await fetch(`${nodeAt(1).url}${pathname}`, { headers: { 'X-Forwarded-For': address } });
    expect((await begun.arrayBuffer()).byteLength).toBe(FILE_BYTES);
    const cookie = (begun.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const half = { cookie, Range: `bytes=${FILE_BYTES / 2}-` };
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => ask(nodeAt(index), pathname, { address: newAddress(), headers: half })),
    );
    // Once whole and twice half of it.
    expect(counted(answers)).toEqual({ 206: 2, used_up: 28 });
  });
});
