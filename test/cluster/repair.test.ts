import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { getFile, putFile } from '../support/cluster-client.ts';
import { bytesPath, flipBit, nodeIdOf, openRows, type StoredShare } from '../support/cluster-storage.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const CLUSTER_MS = 180_000;
const SOON_MS = 20_000;

let cluster: TestCluster;
let rows: Awaited<ReturnType<typeof openRows>>;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
  rows = await openRows(cluster.databaseUrl);
}, CLUSTER_MS);

const running = () => cluster.nodes.filter((node) => node.process.isRunning());
const byId = (id: string | null): TestServer => {
  const found = running().find((node) => nodeIdOf(node) === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
};

interface Share {
  readonly shareId: string;
  readonly bytes: Buffer;
  readonly row: StoredShare;
  readonly home: TestServer;
  readonly replica: TestServer;
  /** Holds nothing of it. */
  readonly third: TestServer;
}

/** A sealed file of four chunks and a bit, whole on two nodes. */
async function share(): Promise<Share> {
  const bytes = randomBytes(4 * MIB + 12_345);
  const shareId = await putFile(running()[0] as TestServer, bytes);
  const row = await waitFor('two copies', SOON_MS, async () => {
    const found = await rows.share(shareId);
    return found.state === 'sealed' && found.replicaState === 'in_sync' ? found : null;
  });
  const [home, replica] = [byId(row.home), byId(row.replica)];
  const third = running().find((node) => node !== home && node !== replica);
  return { shareId, bytes, row, home, replica, third: third as TestServer };
}

async function counted(node: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

describe('bytes that a disk changed', () => {
  it.each(['home', 'replica'] as const)(
    'are delivered as they were sent, and mended on the disk of the %s',
    async (who) => {
      const { shareId, bytes, row, ...nodes } = await share();
      const damaged = nodes[who];
      const before = await counted(damaged, 'peerlink_chunks_repaired_total');
      await flipBit(bytesPath(damaged, row.fileId), 2 * MIB + 77);
      expect((await getFile(damaged, shareId)).equals(bytes)).toBe(true);
      expect((await readFile(bytesPath(damaged, row.fileId))).equals(bytes)).toBe(true);
      expect(await counted(damaged, 'peerlink_chunks_repaired_total')).toBe(before + 1);
      expect(damaged.log()).toMatch(/"chunkIndex":2.*"a chunk was mended"/);
    },
    CLUSTER_MS,
  );

  it(
    'on both copies break the stream and name the chunk; the chunks before it come',
    async () => {
      const { shareId, bytes, row, home, replica } = await share();
      for (const node of [home, replica]) await flipBit(bytesPath(node, row.fileId), 3 * MIB + 5);
      const answer = await fetch(`${home.url}/d/${shareId}/0/some.bin`);
      expect(answer.status).toBe(200);
      const received: Uint8Array[] = [];
      const reading = (async () => {
        for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) received.push(piece);
      })();
      await expect(reading).rejects.toThrow();
      expect(Buffer.concat(received).equals(bytes.subarray(0, 3 * MIB))).toBe(true);
      expect(home.log()).toMatch(/"chunkIndex":3.*"a chunk is damaged"/);
      expect(await counted(home, 'peerlink_chunks_damaged_total')).toBeGreaterThan(0);
    },
    CLUSTER_MS,
  );

  it(
    'are no loss when the whole file is gone from one disk: it is served, and fetched again in the background',
    async () => {
      const { shareId, bytes, row, home } = await share();
      const file = bytesPath(home, row.fileId);
      const port = Number(new URL(home.url).port);
      await home.kill9();
      await rm(file);
      await rm(file.replace(/bytes$/, 'values'));
      const again = await cluster.start({ dataDirectory: home.dataDirectory, port });
      expect((await rows.share(shareId)).home).toBe(nodeIdOf(again));
      expect((await getFile(again, shareId)).equals(bytes)).toBe(true);
      await waitFor('it is back', SOON_MS, async () => (await readFile(file)).equals(bytes));
    },
    CLUSTER_MS,
  );

  it(
    'are no loss when the replica is emptied that has them whole: the home takes them from it before it has gone',
    async () => {
      const { shareId, bytes, row, home, replica, third } = await share();
      await flipBit(bytesPath(home, row.fileId), 2 * MIB + 3);
      const words = [join(ROOT, 'scripts', 'peerlink.mjs'), 'drain', nodeIdOf(replica), '--wait'];
      const env = { ...process.env, DATA_DIR: replica.dataDirectory };
      expect((await startProcess(process.execPath, words, { env }).exited(SOON_MS)).code).toBe(0);
      const after = await waitFor('another copy', SOON_MS, async () => {
        const found = await rows.share(shareId);
        return found.replica !== row.replica && found.replicaState === 'in_sync' ? found : null;
      });
      expect(after).toMatchObject({ home: row.home, replica: nodeIdOf(third) });
      for (const node of [home, third]) expect((await readFile(bytesPath(node, row.fileId))).equals(bytes)).toBe(true);
      const port = Number(new URL(replica.url).port);
      await replica.stop();
      await cluster.start({ dataDirectory: replica.dataDirectory, port });
    },
    CLUSTER_MS,
  );

  it(
    'are found by the scrub before anybody reads them',
    async () => {
      const { row, replica, bytes } = await share();
      const file = bytesPath(replica, row.fileId);
      const port = Number(new URL(replica.url).port);
      await replica.kill9();
      await flipBit(file, MIB + 9);
      const again = await cluster.start({ dataDirectory: replica.dataDirectory, port });
      await waitFor('the chunk is mended', 60_000, async () => (await readFile(file)).equals(bytes));
      expect(await counted(again, 'peerlink_chunks_scrubbed_total')).toBeGreaterThan(0);
    },
    CLUSTER_MS,
  );
});

describe('a share whose home died while its replica was being replaced', () => {
  it(
    'is served by the replica that it had, whatever node is asked',
    async () => {
      const { shareId, bytes, row, home, replica, third } = await share();
      await home.kill9();
      await rows.nameReplica(row.transferId, nodeIdOf(third));
      for (const node of [third, replica]) expect((await getFile(node, shareId)).equals(bytes)).toBe(true);
    },
    CLUSTER_MS,
  );
});
