import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { io } from 'socket.io-client';
import { CHUNK_PATH, CONTROL_PATH } from '../../services/contracts/socket.ts';
import { ask, askJson } from '../contract/edge/edge-client.ts';
import { curl } from '../contract/transfer/client.ts';
import { sendFiles } from '../e2e/world/send.ts';
import { visit } from '../e2e/world/visit.ts';
import { INSECURE_HOST, launchBrowser } from '../support/browser.ts';
import { atEnd, tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { nodeIdOf, openRows } from '../support/cluster-storage.ts';
import { makePatternFile } from '../support/files.ts';
import { type Forwarder, startForwarder } from '../support/forwarder.ts';
import { startNameServer, type TestNameServer } from '../support/name-server.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { waitFor, within } from '../support/waiting.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 64 * MIB;
const DEADLINE_MS = 30_000;
/** Addresses of this machine, so that three nodes can have one port as containers have. */
const ADDRESSES = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
/** What a name stands for is kept for a second. */
const NOTICED_MS = 3_000;

let cluster: TestCluster;
let names: TestNameServer;
let nginx: TestNginx;
let backendPort = 0;
const nodes: Forwarder[] = [];
let site = '';

beforeAll(async () => {
  cluster = await startCluster({
    nodes: 3,
    isPageNeeded: true,
    env: {
      TRUSTED_PROXIES: '127.0.0.0/8',
      MAX_CONCURRENT_TRANSFERS: '1000',
      RATE_LIMIT_UPLOADS_PER_MINUTE: '10000',
      RATE_LIMIT_DOWNLOADS_PER_MINUTE: '10000',
    },
  });
  names = await startNameServer('backend');
  for (const [index, address] of ADDRESSES.entries()) {
    const forwarder = await startForwarder(address, backendPort, cluster.nodes[index]?.port ?? 0);
    backendPort = forwarder.port;
    nodes.push(forwarder);
  }
  names.answer(ADDRESSES);
  nginx = await startNginx({ nameServerPort: names.port, backendPort });
  site = `http://127.0.0.1:${nginx.pagePort}`;
}, 300_000);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Opened {
  readonly transfer: { readonly id: string; readonly link: string };
  readonly uploadToken: string;
}

async function openTransfer(sizeBytes: number): Promise<Opened> {
  const body = { files: [{ path: 'stream.bin', sizeBytes }] };
  const answer = await askJson(site, 'POST', '/api/transfers', body);
  expect(answer.status).toBe(201);
  return answer.json<Opened>();
}

async function newSession(): Promise<string> {
  const answer = await ask(site, '/api/session', { method: 'POST', headers: { Origin: site } });
  expect(answer.status).toBe(201);
  return answer.cookie;
}

/** Requests until every one of these forwarders was used after now. */
async function untilUsed(wanted: readonly Forwarder[]): Promise<void> {
  const before = wanted.map((node) => node.connectionCount());
  await waitFor('each node is asked', NOTICED_MS, async () => {
    expect((await ask(site, '/version')).status).toBe(200);
    return wanted.every((node, index) => node.connectionCount() > (before[index] ?? 0));
  });
}

describe('nginx before three nodes', () => {
  it('shows the page at both ports: index.html with a node’s policy, its files from nginx', async () => {
    for (const port of [nginx.pagePort, nginx.nodePort]) {
      const base = `http://127.0.0.1:${port}`;
      const page = await ask(base, '/', { headers: { Accept: 'text/html' } });
      expect(page.status).toBe(200);
      expect(page.headers['content-security-policy']).toContain("script-src 'self'");
      expect(page.headers['x-request-id']).toBeDefined();
      const script = /\/assets\/[\w.-]+\.js/.exec(page.body)?.[0] ?? '';
      const asset = await ask(base, script);
      expect(asset.status).toBe(200);
      expect(asset.headers).toMatchObject({
        'content-type': expect.stringMatching(/javascript/),
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      });
      expect(asset.headers['x-request-id']).toBeUndefined();
      expect((await ask(base, '/assets/of-another-release.js')).headers['x-request-id']).toBeDefined();
    }
  });

  it('lets a person send through the page under any name, and the link begins with it', async () => {
    const browser = await launchBrowser();
    const folder = tempDirectory('nginx-page');
    for (const port of [nginx.pagePort, nginx.nodePort]) {
      const origin = `http://${INSECURE_HOST}:${port}`;
      const page: Page = await visit(browser, `${origin}/`);
      const source = `${folder}/page-${port}.bin`;
      await makePatternFile(source, 3 * MIB, { seed: String(port) });
      await sendFiles(page, source);
      const link = await page.getByRole('link', { name: /^Link: / }).getAttribute('href');
      expect(link).toMatch(new RegExp(`^${origin}/d/`));
    }
  }, 180_000);

  it('streams both ways: a reader has bytes before the last one of the upload is sent', async () => {
    const bytes = randomBytes(FILE_BYTES);
    const { transfer, uploadToken } = await openTransfer(FILE_BYTES);
    const before = nodes.map((node) => node.receivedBytes());
    const put = request(`${site}/api/transfers/${transfer.id}/files/0?offset=0`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${uploadToken}`, 'Content-Length': FILE_BYTES },
    });
    const answered = once(put, 'response');
    put.write(bytes.subarray(0, FILE_BYTES / 2));
    await waitFor('the first half is with a node', DEADLINE_MS, () =>
      nodes.some((node, index) => node.receivedBytes() - (before[index] ?? 0) >= FILE_BYTES / 2),
    );

    const download = await fetch(`${site}${new URL(transfer.link).pathname}`);
    expect(download.status).toBe(200);
    const reader = (download.body as ReadableStream<Uint8Array>).getReader();
    const pieces: Uint8Array[] = [];
    let received = 0;
    const readUntil = async (sizeBytes: number) => {
      while (received < sizeBytes) {
        const { value, done } = await reader.read();
        if (done) return;
        pieces.push(value);
        received += value.length;
      }
    };
    await within('a quarter of the file', DEADLINE_MS, readUntil(FILE_BYTES / 4));
    put.end(bytes.subarray(FILE_BYTES / 2));
    const [response] = await within('the answer to the upload', DEADLINE_MS, answered);
    expect(response.statusCode).toBe(200);
    response.resume();
    await within('the rest of the file', DEADLINE_MS, readUntil(FILE_BYTES));
    expect(sha256(Buffer.concat(pieces))).toBe(sha256(bytes));
  }, 120_000);

  it('passes WebSockets on, for messages and for chunks', async () => {
    const cookie = await newSession();
    for (const path of [CONTROL_PATH, CHUNK_PATH]) {
      const socket = io(site, {
        path,
        transports: ['websocket'],
        extraHeaders: { Cookie: cookie, Origin: site },
        reconnection: false,
        forceNew: true,
      });
      atEnd(() => void socket.disconnect());
      const connected = new Promise((done, fail) =>
        socket.once('connect', () => done(true)).once('connect_error', fail),
      );
      expect(await within('a handshake', DEADLINE_MS, connected)).toBe(true);
      if (path === CONTROL_PATH) {
        expect(await socket.timeout(DEADLINE_MS).emitWithAck('ping', {})).toMatchObject({ ok: true });
      }
    }
  }, 60_000);

  it('keeps what is between nodes to the nodes', async () => {
    expect((await ask(site, '/peer/ping', { method: 'POST' })).status).toBe(404);
    expect((await ask(site, '/peer/ping')).headers['x-request-id']).toBeUndefined();
  });

  it('notices a node that goes, also before the name does, and one that comes', async () => {
    await untilUsed(nodes);
    const [, second, third] = nodes as [Forwarder, Forwarder, Forwarder];
    // Gone without a word: its address is still known, and nobody sees a fault.
    await second.close();
    for (let count = 0; count < 12; count += 1) expect((await ask(site, '/version')).status).toBe(200);
    // Gone from the name, while it would still answer.
    names.answer([ADDRESSES[0] as string]);
    await waitFor('the third is asked no more', NOTICED_MS, async () => {
      const before = third.connectionCount();
      for (let count = 0; count < 6; count += 1) expect((await ask(site, '/version')).status).toBe(200);
      return third.connectionCount() === before;
    });
    const again = await startForwarder(ADDRESSES[1] as string, second.port, cluster.nodes[1]?.port ?? 0);
    nodes[1] = again;
    names.answer(ADDRESSES);
    await untilUsed([again, third]);
  }, 60_000);

  it('may die: nodes go on, and who resumes has the rest at the same address once it is back', async () => {
    const bytes = randomBytes(FILE_BYTES);
    const put = await fetch(`${site}/kept.bin`, { method: 'PUT', body: bytes });
    expect(put.status).toBe(201);
    const { pathname } = new URL((await put.text()).trim());
    const download = await fetch(`${site}${pathname}`);
    const reader = (download.body as ReadableStream<Uint8Array>).getReader();
    const first = (await reader.read()).value as Uint8Array;
    await nginx.process.kill9();
    const pieces = [first];
    const rest = async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return 'whole';
        pieces.push(value);
      }
    };
    expect(
      await within(
        'the end of the download',
        DEADLINE_MS,
        rest().catch(() => 'broken'),
      ),
    ).toBe('broken');
    for (const node of cluster.nodes) {
      const direct = await fetch(`${node.url}${pathname}`);
      expect(sha256(Buffer.from(await direct.arrayBuffer()))).toBe(sha256(bytes));
    }

    nginx = await startNginx({ nameServerPort: names.port, backendPort, ports: nginx });
    const received = Buffer.concat(pieces);
    expect(received.length).toBeLessThan(FILE_BYTES);
    const resumed = await fetch(`${site}${pathname}`, { headers: { Range: `bytes=${received.length}-` } });
    expect(resumed.status).toBe(206);
    const whole = Buffer.concat([received, Buffer.from(await resumed.arrayBuffer())]);
    expect(sha256(whole)).toBe(sha256(bytes));
  }, 120_000);

  it('lets `curl --retry -C -` bring a file whole when the node that answers it, its home, is killed amid it', async () => {
    const bytes = randomBytes(FILE_BYTES);
    const { transfer, uploadToken } = await openTransfer(FILE_BYTES);
    const sent = await fetch(`${site}/api/transfers/${transfer.id}/files/0?offset=0`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${uploadToken}` },
      body: bytes,
    });
    expect(sent.status).toBe(200);
    const rows = await openRows(cluster.databaseUrl);
    const { home } = await waitFor('two copies', DEADLINE_MS, async () => {
      const row = await rows.share(transfer.id);
      return row.replicaState === 'in_sync' ? row : null;
    });
    const index = cluster.nodes.findIndex((node) => nodeIdOf(node) === home);
    names.answer([ADDRESSES[index] as string]);
    const others = nodes.filter((_node, at) => at !== index);
    await waitFor('only its home is asked', NOTICED_MS, async () => {
      const before = others.map((node) => node.connectionCount());
      for (let count = 0; count < 6; count += 1) expect((await ask(site, '/version')).status).toBe(200);
      return others.every((node, at) => node.connectionCount() === before[at]);
    });
    const file = join(tempDirectory('nginx-curl'), 'file.bin');
    const loud = ['--no-silent', '--no-progress-meter'];
    const repeating = ['--retry', '20', '--retry-all-errors', '--retry-delay', '1', '--limit-rate', '16M', '-C', '-'];
    const downloading = curl([...loud, ...repeating, '-o', file, `${site}${new URL(transfer.link).pathname}`]);
    await waitFor('some of it is there', DEADLINE_MS, () => existsSync(file) && statSync(file).size > 4 * MIB);
    names.answer(ADDRESSES);
    await cluster.nodes[index]?.kill9();
    expect(statSync(file).size).toBeLessThan(FILE_BYTES);
    const { code, stderr } = await within('the whole file', 2 * DEADLINE_MS, downloading);
    expect(stderr).toMatch(/will retry/i);
    expect(code).toBe(0);
    expect(sha256(readFileSync(file))).toBe(sha256(bytes));
  }, 120_000);
});
