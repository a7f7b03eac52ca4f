import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { healthyNodes, startCluster, type TestCluster } from '../support/cluster.ts';
import { committedOf, getFile, type OpenUpload, openUpload, putChunk } from '../support/cluster-client.ts';
import { startPeerWire } from '../support/peer-wire.ts';
import { freePort } from '../support/ports.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const DELAY_MS = 80;
const LINK_BYTES_PER_SECOND = 50 * MIB;
const RUN_BYTES = 8 * MIB;
const netIo = loadNetIo({ useNative: true });

const idOf = (node: TestServer): string =>
  (JSON.parse(readFileSync(join(node.dataDirectory, 'node-0', 'node.json'), 'utf8')) as { nodeId: string }).nodeId;

interface Row {
  readonly home: string;
  readonly isInSync: boolean;
}

describe('nodes that are 80 ms away from each other', () => {
  let cluster: TestCluster;
  let watching: { end: () => Promise<readonly string[]> };

  beforeAll(async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const wires = await Promise.all(
      ports.map((targetPort) =>
        startPeerWire({ targetPort, delayMs: DELAY_MS, bytesPerSecond: LINK_BYTES_PER_SECOND }),
      ),
    );
    cluster = await startCluster({
      nodes: 3,
      env: { MAX_CONCURRENT_TRANSFERS: '100', MAX_CONCURRENT_DOWNLOADS: '100', TRUSTED_PROXIES: '127.0.0.1/32' },
      own: (index) => ({
        port: ports[index] ?? 0,
        env: { NODE_PEER_URL: `http://127.0.0.1:${wires[index]?.port}` },
      }),
    });
    watching = watchForDeaths(cluster.nodes);
  }, 180_000);

  const byId = (id: string) => cluster.nodes.find((node) => idOf(node) === id) as TestServer;
  const others = (node: TestServer) => cluster.nodes.filter((one) => one !== node) as [TestServer, TestServer];

  /** Home as the API says it, and whether its log says that the replica is in sync. */
  async function rowOf(upload: OpenUpload): Promise<Row> {
    const headers = { authorization: `Bearer ${upload.uploadToken}` };
    const answer = await fetch(`${cluster.nodes[0]?.url}/api/transfers/${upload.transferId}`, { headers });
    const { nodeId } = ((await answer.json()) as { home: { nodeId: string } }).home;
    const lines = byId(nodeId).log().split('\n');
    const isInSync = lines.some((line) => line.includes('in_sync') && line.includes(upload.transferId));
    return { home: nodeId, isInSync };
  }

  async function openInSync(sizeBytes: number): Promise<{ upload: OpenUpload; home: TestServer }> {
    const upload = await openUpload(cluster.nodes[0] as TestServer, sizeBytes);
    await waitFor('the replica is in sync', 30_000, async () => (await rowOf(upload)).isInSync);
    return { upload, home: byId((await rowOf(upload)).home) };
  }

  it('fill at least 0.7 of a link of 50 MiB/s with an upload through another node, each chunk on two nodes', async () => {
    const bytes = randomBytes(192 * MIB);
    const { upload, home } = await openInSync(bytes.length);
    const [gateway] = others(home);
    const startedAtMs = performance.now();
    await putRuns(gateway, upload, bytes, 6);
    const seconds = (performance.now() - startedAtMs) / 1000;
    expect(bytes.length / seconds / LINK_BYTES_PER_SECOND).toBeGreaterThan(0.7);
    // "Whatever is delivered as success has the digest shown."
    const shown = await digestShown(gateway, upload);
    expect(shown).toBe((await netIo.hashAsync(bytes)).toString('hex'));
    const found = await getFile(others(home)[1], upload.shareId);
    expect((await netIo.hashAsync(found)).toString('hex')).toBe(shown);
  }, 120_000);

  it('serve a limited share once, whoever asks where', async () => {
    const bytes = randomBytes(300_000);
    const answer = await fetch(`${cluster.nodes[1]?.url}/one.bin`, {
      method: 'PUT',
      body: bytes,
      headers: { 'max-downloads': '1' },
    });
    const shareId = /\/d\/([1-9A-HJ-NP-Za-km-z]+)/.exec(await answer.text())?.[1];
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const node = cluster.nodes[index % 3] as TestServer;
        const found = await fetch(`${node.url}/d/${shareId}/0`, { headers: { 'x-forwarded-for': `10.0.0.${index}` } });
        const body = Buffer.from(await found.arrayBuffer());
        return found.status === 200 && body.equals(bytes);
      }),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
  }, 60_000);

  it('are not declared dead meanwhile', async () => {
    expect(await watching.end()).toEqual([]);
  });

  it('lose no acknowledged chunk with the node that took it', async () => {
    const bytes = randomBytes(24 * MIB);
    const { upload, home } = await openInSync(bytes.length);
    const [gateway, reader] = others(home);
    const acknowledged = new Set<number>();
    const send = async (index: number) => {
      for (let tries = 0; tries < 60 && !acknowledged.has(index); tries += 1) {
        const said = await putChunk(gateway, upload, bytes, index).catch(() => null);
        if (said?.status === 200) acknowledged.add(index);
        else await new Promise((resolve) => setTimeout(resolve, 250));
      }
    };
    for (let index = 0; index < 12; index += 4) await Promise.all([0, 1, 2, 3].map((more) => send(index + more)));
    const before = [...acknowledged];
    expect(before).toHaveLength(12);
    await home.kill9();
    await send(12);
    const committed = (await committedOf(gateway, upload)).flatMap(([start = 0, end = 0]) =>
      Array.from({ length: end - start }, (_, index) => start + index),
    );
    expect(before.filter((index) => !committed.includes(index))).toEqual([]);
    await Promise.all(Array.from({ length: 11 }, (_, index) => send(13 + index)));
    expect((await getFile(reader, upload.shareId)).equals(bytes)).toBe(true);
  }, 120_000);
});

/** Looks all the time whether each node sees all as healthy; tells what it saw otherwise. */
function watchForDeaths(nodes: readonly TestServer[]) {
  const seen: string[] = [];
  let hasEnded = false;
  const look = async () => {
    while (!hasEnded) {
      for (const node of nodes) {
        const healthy = await healthyNodes(node).catch((fault: unknown) => {
          seen.push(`${node.port} does not answer: ${String(fault)}`);
          return nodes;
        });
        if (healthy.length !== nodes.length) seen.push(`${node.port} sees ${healthy.length} nodes`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const looking = look();
  return {
    end: async () => {
      hasEnded = true;
      await looking;
      return seen;
    },
  };
}

async function digestShown(node: TestServer, upload: OpenUpload): Promise<string | null> {
  const headers = { authorization: `Bearer ${upload.uploadToken}` };
  const answer = await fetch(`${node.url}/api/transfers/${upload.transferId}/status`, { headers });
  return ((await answer.json()) as { files: { digest: string | null }[] }).files[0]?.digest ?? null;
}

/** As the page does: runs of 8 MiB, so many at once. */
async function putRuns(node: TestServer, upload: OpenUpload, bytes: Buffer, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  let next = 0;
  const worker = async () => {
    while (next < bytes.length) {
      const offset = next;
      next += RUN_BYTES;
      const status = await new Promise((resolve, reject) => {
        const req = request(
          `${node.url}/api/transfers/${upload.transferId}/files/0?offset=${offset}`,
          { method: 'PUT', agent, headers: { authorization: `Bearer ${upload.uploadToken}` } },
          (res) => {
            res.resume();
            res.once('end', () => resolve(res.statusCode));
          },
        );
        req.once('error', reject);
        req.end(bytes.subarray(offset, offset + RUN_BYTES));
      });
      expect(status).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  agent.destroy();
}
