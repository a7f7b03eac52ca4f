// showcase/cluster-*.png: the operator's page over a cluster that works.
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runNodes } from '../cluster/nodes.mjs';
import { startStores } from '../cluster/stores.mjs';

const MIB = 1024 * 1024;
const DEADLINE_MS = 120_000;
/** Of this cluster only, which is gone after the pictures. */
const OPERATOR_TOKEN = 'the-operator-of-the-pictures';
/** Until the last minutes have a shape. */
const WORK_MS = 45_000;
const FILE_BYTES = 2048 * MIB;

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}

async function isReady(port) {
  const answer = await fetch(`http://localhost:${port}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
    () => null,
  );
  return answer?.ok ?? false;
}

/** Nodes with PostgreSQL and Redis; `stop` drains them. */
export async function startCluster(folder, count) {
  await mkdir(folder, { recursive: true });
  // PostgreSQL does not run as root: its own user must come through to its data.
  await chmod(dirname(dirname(folder)), 0o711);
  const stopping = new AbortController();
  const stores = await startStores(folder, stopping.signal);
  const ports = await freePorts(count);
  const env = { ...stores.env, MAX_FILE_SIZE: '0', LOG_LEVEL: 'warn', ADMIN_TOKEN: OPERATOR_TOKEN };
  const ended = runNodes({ ports, folder, env, stopping: stopping.signal });
  const stop = async () => {
    stopping.abort();
    await ended;
    await stores.stop();
  };
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await Promise.all(ports.map(isReady))).every(Boolean)) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error('the nodes did not become ready');
    }
    await delay(200);
  }
  return { urls: ports.map((port) => `http://localhost:${port}`), stop };
}

/** Sends a file at a steady rate and reads it at another node meanwhile, until `signal` is aborted. */
async function keepBusy(urls, index, signal) {
  const from = new URL(urls[index % urls.length]);
  const answer = await fetch(new URL('/api/transfers', from), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ path: `reel-${index}.mov`, sizeBytes: FILE_BYTES }] }),
  });
  const { transfer, uploadToken } = await answer.json();
  const upload = request(new URL(`/api/transfers/${transfer.id}/files/0?offset=0`, from), {
    method: 'PUT',
    headers: { 'content-length': FILE_BYTES, authorization: `Bearer ${uploadToken}` },
  });
  // It ends in the middle, as the pictures do.
  upload.on('error', () => {});
  const reading = fetch(new URL(`/d/${transfer.shareId}/0`, urls[(index + 1) % urls.length]), { signal }).then(
    async ({ body }) => {
      for await (const _ of body);
    },
  );
  reading.catch(() => {});
  const piece = Buffer.alloc(MIB, index);
  while (!signal.aborted) {
    upload.write(piece);
    await delay(20 + 12 * index + 25 * Math.random(), undefined, { signal }).catch(() => {});
  }
  upload.destroy();
}

/** @param shoot saves what a page shows, for a look */
export async function takeClusterPictures(browser, urls, { devices, schemes, shoot }) {
  const ending = new AbortController();
  const work = [0, 1, 2].map((index) => keepBusy(urls, index, ending.signal));
  await delay(WORK_MS);
  for (const device of devices) {
    for (const scheme of schemes) {
      const { name, ...options } = device;
      const context = await browser.newContext({ ...options, colorScheme: scheme, locale: 'en-GB' });
      const page = await context.newPage();
      page.setDefaultTimeout(DEADLINE_MS);
      const headers = { origin: urls[0] };
      await context.request.post(`${urls[0]}/api/operator/session`, { headers, data: { token: OPERATOR_TOKEN } });
      await page.goto(`${urls[0]}/cluster`);
      await page
        .getByText(/healthy/)
        .first()
        .waitFor();
      await delay(4_000);
      await shoot(page, 'cluster', `${name}-${scheme}`);
      await context.close();
    }
  }
  ending.abort();
  await Promise.all(work);
}
