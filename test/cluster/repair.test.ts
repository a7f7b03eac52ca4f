import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { getFile, putFile } from '../support/cluster-client.ts';
import { bytesPath, flipBit, nodeIdOf, openRows, type StoredShare } from '../support/cluster-storage.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const CLUSTER_MS = 180_000;
const SOON_MS = 20_000;

let cluster: TestCluster;
let rows: Awaited<ReturnType<typeof openRows>>;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  rows = await openRows(cluster.databaseUrl);
}, CLUSTER_MS);

const byId = (id: string | null): TestServer => {
  const found = cluster.nodes.filter((node) => node.process.isRunning()).find((node) => nodeIdOf(node) === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
};

interface Share {
  readonly shareId: string;
  readonly bytes: Buffer;
  readonly row: StoredShare;
  readonly home: TestServer;
  readonly replica: TestServer;
}

/** A sealed file of four chunks and a bit, whole on two nodes. */
async function share(): Promise<Share> {
  const bytes = randomBytes(4 * MIB + 12_345);
  const shareId = await putFile(cluster.nodes[0] as TestServer, bytes);
  const row = await waitFor('two copies', SOON_MS, async () => {
    const found = await rows.share(shareId);
    return found.state === 'sealed' && found.replicaState === 'in_sync' ? found : null;
  });
  return { shareId, bytes, row, home: byId(row.home), replica: byId(row.replica) };
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
      await home.stop();
      await rm(file);
      await rm(file.replace(/bytes$/, 'values'));
      const again = await cluster.start({ dataDirectory: home.dataDirectory, port });
      expect((await getFile(again, shareId)).equals(bytes)).toBe(true);
      await rows.share(shareId).then(async ({ home: now, replica }) => {
        // The drain has handed the transfer over; whoever the row names has it whole in the end.
        expect([now, replica]).toContain(nodeIdOf(cluster.nodes[1] as TestServer));
      });
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
