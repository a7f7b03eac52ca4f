import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { errorTypeOf } from '../../services/contracts/errors.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { openUpload, putChunk } from '../support/cluster-client.ts';
import { nodeIdOf, openRows } from '../support/cluster-storage.ts';
import { startProcess } from '../support/processes.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

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

describe('aria2c, with eight connections to a sealed file', () => {
  const CHUNKS = 16;
  const MIB = 1024 ** 2;
  const file = randomBytes(CHUNKS * MIB);

  /** The addresses of a new share of the file, its home's first. */
  async function share(options: object): Promise<readonly string[]> {
    const node = nodeAt(0);
    const upload = await openUpload(node, file.length, options);
    const put = async (_: unknown, index: number) => (await putChunk(node, upload, file, index)).status;
    expect(await Promise.all(Array.from({ length: CHUNKS }, put))).toEqual(Array(CHUNKS).fill(200));
    const rows = await openRows(cluster.databaseUrl);
    const { home, state } = await rows.share(upload.transferId);
    expect(state).toBe('sealed');
    const rank = (one: TestServer) => (nodeIdOf(one) === home ? 0 : 1);
    const nodes = [...cluster.nodes].sort((a, b) => rank(a) - rank(b));
    return nodes.map(({ url }) => `${url}/d/${upload.shareId}/0/some.bin`);
  }

  /** @param isAll the answers that are waited for: a node may write of them when the client has gone. */
  async function aria2c(urls: readonly string[], isAll: (answered: readonly (string | undefined)[]) => boolean) {
    const directory = tempDirectory('aria2c');
    const before = cluster.nodes.map((node) => node.log().length);
    // By itself it does not split what is shorter than 20 MiB; at full speed its first range may be the whole file.
    const split = ['-x8', '-s8', '--min-split-size=1M', '--max-overall-download-limit=16M'];
    const program = startProcess('aria2c', ['--no-conf', ...split, '-d', directory, '-o', 'file', ...urls]);
    const { code } = await program.exited(30_000);
    const answers = () =>
      cluster.nodes.flatMap((node, index) => {
        const lines = node.log().slice(before[index]).split('\n');
        return lines.filter((line) => line.includes('"route":"/d/')).map((line) => /"status":(\d+)/.exec(line)?.[1]);
      });
    const answered = await waitFor('its answers are in the logs', 10_000, () => (isAll(answers()) ? answers() : null));
    return { code, said: program.log(), answered, bytes: code === 0 ? readFileSync(join(directory, 'file')) : null };
  }

  const [atHome, elsewhere, everywhere] = [
    (urls: readonly string[]) => urls.slice(0, 1),
    ([, url]: readonly string[]) => [url ?? ''],
    (urls: readonly string[]) => urls,
  ];
  it.each([
    ['its home', {}, atHome],
    ['a node that is not its home', {}, elsewhere],
    ['its home, as its only download', { maxDownloads: 1 }, atHome],
    ['a node that is not its home, as its only download', { maxDownloads: 1 }, elsewhere],
    ['three nodes at once, as its only download', { maxDownloads: 1 }, everywhere],
  ])('has it whole from %s', async (_whence, options, pick) => {
    const urls = await share(options);
    // In ranges beside each other; those that it lets go of early, because another one was there first, are 499.
    const isInRanges = (answered: readonly unknown[]) =>
      answered.length > 3 && answered.filter((status) => status === '206').length > 1;
    const { code, said, answered, bytes } = await aria2c(pick(urls), isInRanges);
    expect([code, code === 0 ? '' : said]).toEqual([0, '']);
    expect(bytes?.equals(file)).toBe(true);
    expect(answered.filter((status) => !['200', '206', '499'].includes(status ?? ''))).toEqual([]);
    if (!('maxDownloads' in options)) return;
    // Another one, which has not the first one's cookie.
    const second = await aria2c(pick(urls), (answered) => answered.includes('410'));
    expect(second.code).toBe(22);
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

  it('is over on every node and on no disk once its last download was used up and left alone', async () => {
    const put = await ask(nodeAt(0), '/three.bin', {
      method: 'PUT',
      address: newAddress(),
      headers: { 'Max-Downloads': '1' },
      body: Buffer.alloc(FILE_BYTES, 9),
    });
    const path = new URL(put.bytes.toString().split('\n')[0] ?? '').pathname;
    const client = new Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ file: string; transfer: string }>(
        'SELECT f.id AS file, t.id AS transfer FROM files f JOIN transfers t ON t.id = f.transfer_id WHERE t.share_id = $1',
        [path.split('/').pop()],
      );
      const [{ file, transfer }] = rows as [{ file: string; transfer: string }];
      const copies = () =>
        cluster.nodes.filter(({ dataDirectory }) =>
          existsSync(join(dataDirectory, 'node-0', 'files', file.slice(0, 2), `${file}.bytes`)),
        ).length;
      const shown = () =>
        Promise.all(
          cluster.nodes.map(async (node) => {
            const { status, type } = await ask(node, path.replace('/d/', '/api/shares/'), { address: newAddress() });
            return type ?? status;
          }),
        );
      expect((await ask(nodeAt(1), path, { address: newAddress() })).status).toBe(200);
      await waitFor('both copies', 10_000, async () => copies() === 2);
      expect(await shown()).toEqual([200, 200, 200]);
      // As if ten minutes had passed, also after the stream's last word. The leader ends none in its first half minute.
      await waitFor('the end everywhere', 45_000, async () => {
        await client.query("UPDATE leases SET used_at = now() - interval '10 minutes' WHERE transfer_id = $1", [
          transfer,
        ]);
        return (await shown()).every((said) => said === 'used_up');
      });
      await waitFor('no copy', 90_000, async () => copies() === 0);
      expect((await ask(nodeAt(2), path, { address: newAddress() })).type).toBe('used_up');
    } finally {
      await client.end();
    }
  }, 150_000);
});
