import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startCluster } from '../support/cluster.ts';
import {
  committedOf,
  getFile,
  type OpenUpload,
  openUpload,
  openUploadAt,
  putChunk,
  putFile,
} from '../support/cluster-client.ts';
import { nodeIdOf, openRows } from '../support/cluster-storage.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const TEST_MS = 180_000;
const SOON_MS = 20_000;
/** "The process exits within 30 s in any case." */
const EXIT_MS = 30_000;

type Rows = Awaited<ReturnType<typeof openRows>>;

async function world(nodes: number, env: Record<string, string> = {}) {
  const cluster = await startCluster({ nodes, env });
  const rows = await openRows(cluster.databaseUrl);
  const [first, ...others] = cluster.nodes as readonly [TestServer, ...TestServer[]];
  /** The home of a transfer, which is another node than the asked one when that is busy; and all the others. */
  const homeOf = async (id: string) => {
    const { home: homeId } = await rows.share(id);
    const home = cluster.nodes.find((node) => nodeIdOf(node) === homeId) as TestServer;
    return { home, others: cluster.nodes.filter((node) => node !== home) };
  };
  return { cluster, rows, first, others, homeOf };
}

async function twoCopies(rows: Rows, id: string) {
  return waitFor('two copies', SOON_MS, async () => {
    const found = await rows.share(id);
    return found.replicaState === 'in_sync' ? found : null;
  });
}

/** A body that is on its way until `finish`. */
async function slowBody(node: TestServer, sizeBytes: number): Promise<{ finish(): Promise<string> }> {
  const socket: Socket = connect(node.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `PUT /slow.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sizeBytes}\r\nConnection: close\r\n\r\n`,
  );
  const bytes = randomBytes(sizeBytes);
  socket.write(bytes.subarray(0, MIB + 10));
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return {
    async finish() {
      socket.write(bytes.subarray(MIB + 10));
      await once(socket, 'close');
      return text;
    },
  };
}

/** A slow body at a node that is its home: while that is busy, others are, and their bodies end first. */
async function bodyAtItsHome(rows: Rows, node: TestServer, others: readonly TestServer[]) {
  const isOpenAt = async (home: TestServer) => (await rows.openAt(nodeIdOf(home))).length === 1;
  return await waitFor('a body at its home', SOON_MS, async () => {
    const body = await slowBody(node, 3 * MIB);
    const place = await waitFor('its transfer', SOON_MS, async () => {
      if (await isOpenAt(node)) return 'here';
      return (await Promise.all(others.map(isOpenAt))).includes(true) ? 'elsewhere' : null;
    });
    if (place === 'here') return body;
    await body.finish();
    return null;
  });
}

const onlyCopiesSaid = (node: TestServer) => Number(/"onlyCopies":(\d+)/.exec(node.log())?.[1] ?? Number.NaN);

async function finishUpload(node: TestServer, upload: OpenUpload, file: Buffer, indexes: readonly number[]) {
  for (const index of indexes) expect((await putChunk(node, upload, file, index)).status).toBe(200);
}

describe('a node that is stopped', () => {
  it(
    'hands its transfers to their replicas: what is sealed is read elsewhere, what is open goes on there',
    async () => {
      const { rows, first: asked, homeOf } = await world(3);
      const sealed = randomBytes(3 * MIB + 7);
      const shareId = await putFile(asked, sealed);
      const { home, others } = await homeOf(shareId);
      const growing = randomBytes(4 * MIB);
      const upload = await openUploadAt(home, growing.length);
      await finishUpload(home, upload, growing, [0, 1]);
      for (const id of [shareId, upload.transferId]) {
        expect((await twoCopies(rows, id)).home).toBe(nodeIdOf(home));
      }
      const startedMs = performance.now();
      const exit = await home.stop();
      expect(exit).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedMs).toBeLessThan(EXIT_MS);
      expect(onlyCopiesSaid(home)).toBe(0);
      for (const id of [shareId, upload.transferId]) {
        const row = await rows.share(id);
        expect(others.map(nodeIdOf)).toContain(row.home);
      }
      for (const node of others) {
        expect((await getFile(node, shareId)).equals(sealed)).toBe(true);
        expect(await committedOf(node, upload)).toEqual([[0, 2]]);
      }
      await finishUpload(others[0] as TestServer, upload, growing, [3, 2]);
      for (const node of others) expect((await getFile(node, upload.shareId)).equals(growing)).toBe(true);
    },
    TEST_MS,
  );

  it(
    'attaches a replica first where there is none, so that nothing stays behind',
    async () => {
      const { rows, first: asked, homeOf } = await world(2, { REPLICATION_FACTOR: '1' });
      const sealed = randomBytes(2 * MIB + 1);
      const shareId = await putFile(asked, sealed);
      const { home, others } = await homeOf(shareId);
      expect(await rows.share(shareId)).toMatchObject({ home: nodeIdOf(home), replica: null });
      await home.stop();
      expect(onlyCopiesSaid(home)).toBe(0);
      expect((await getFile(others[0] as TestServer, shareId)).equals(sealed)).toBe(true);
    },
    TEST_MS,
  );

  it(
    'is out of placement at once, lets a body end, and refuses nothing meanwhile',
    async () => {
      const { rows, first, others } = await world(2);
      const body = await bodyAtItsHome(rows, first, others);
      first.process.signal('SIGTERM');
      await waitFor('the drain has begun', SOON_MS, async () => (await fetch(`${first.url}/readyz`)).status === 503);
      const file = randomBytes(2 * MIB);
      const upload = await openUpload(first, file.length);
      expect((await rows.share(upload.transferId)).home).toBe(nodeIdOf(others[0] as TestServer));
      await finishUpload(first, upload, file, [0, 1]);
      expect((await getFile(first, upload.shareId)).equals(file)).toBe(true);
      expect(await body.finish()).toMatch(/^HTTP\/1\.1 201 /);
      expect((await first.process.exited(EXIT_MS)).code).toBe(0);
      expect(onlyCopiesSaid(first)).toBe(0);
    },
    TEST_MS,
  );

  it(
    'says how many only copies it takes along when nobody is left to take them',
    async () => {
      const { first } = await world(1);
      await putFile(first, randomBytes(MIB));
      await putFile(first, randomBytes(MIB));
      const startedMs = performance.now();
      await first.stop();
      expect(onlyCopiesSaid(first)).toBe(2);
      expect(performance.now() - startedMs).toBeLessThan(EXIT_MS / 2);
    },
    TEST_MS,
  );
});

describe('npm run peerlink -- drain', () => {
  const peerlink = (asked: TestServer, ...words: string[]) =>
    startProcess(process.execPath, [path.join(ROOT, 'scripts', 'peerlink.mjs'), ...words], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, DATA_DIR: asked.dataDirectory },
    });

  it(
    'returns when no only copy is left on the node, which goes on serving until it is stopped',
    async () => {
      const { rows, others: notFirst, homeOf } = await world(2, { REPLICATION_FACTOR: '1' });
      const bytes = randomBytes(2 * MIB);
      const shareId = await putFile(notFirst[0] as TestServer, bytes);
      const { home: leaving, others } = await homeOf(shareId);
      const staying = others[0] as TestServer;
      const drained = peerlink(staying, 'drain', nodeIdOf(leaving).slice(0, 6), '--wait');
      expect((await drained.exited(60_000)).code).toBe(0);
      expect(drained.log()).toContain(`no only copy is left on ${nodeIdOf(leaving)}`);
      expect((await rows.share(shareId)).home).toBe(nodeIdOf(staying));
      expect(leaving.process.isRunning()).toBe(true);
      expect((await getFile(leaving, shareId)).equals(bytes)).toBe(true);
      expect((await fetch(`${leaving.url}/readyz`)).status).toBe(503);
    },
    TEST_MS,
  );

  it.each([
    ['there is none', 1],
    ['the other one drains too', 2],
  ])(
    'does not wait for ever for another node where %s',
    async (_why, count) => {
      const { first, others } = await world(count);
      const id = nodeIdOf(first);
      for (const other of others) expect((await peerlink(first, 'drain', nodeIdOf(other)).exited(60_000)).code).toBe(0);
      await putFile(first, randomBytes(MIB));
      const alone = peerlink(first, 'drain', id, '--wait');
      expect((await alone.exited(60_000)).code).toBe(1);
      expect(alone.log()).toContain(
        `1 transfer has its only copy on ${id}, and no other node can take it. Start another node`,
      );
    },
    TEST_MS,
  );

  it(
    'says what is wrong with its words',
    async () => {
      const { first } = await world(1);
      const unknown = peerlink(first, 'drain', 'nobody');
      expect((await unknown.exited(20_000)).code).toBe(1);
      expect(unknown.log()).toContain(`no node that answers is called nobody; there are: ${nodeIdOf(first)}`);
      const wrong = peerlink(first, 'explode');
      expect((await wrong.exited(20_000)).code).toBe(1);
      expect(wrong.log()).toContain('usage: npm run peerlink -- drain <node> [--wait], or give-up <node> [--confirm]');
      const here = peerlink(first, 'give-up', nodeIdOf(first), '--confirm');
      expect((await here.exited(20_000)).code).toBe(1);
      expect(here.log()).toContain(`Node ${nodeIdOf(first)} is the one you ask. It lives: drain it instead.`);
    },
    TEST_MS,
  );
});
