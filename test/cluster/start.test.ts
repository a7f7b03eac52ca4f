import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import {
  committedOf,
  getFile,
  type OpenUpload,
  openUpload,
  openUploadAt,
  putChunk,
} from '../support/cluster-client.ts';
import { bytesPath, flipBit, nodeIdOf, openRows, simulateReboot } from '../support/cluster-storage.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/postgres.ts';
import { startProcess } from '../support/processes.ts';
import { isReady, ROOT, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const TEST_MS = 180_000;
const SOON_MS = 30_000;

/** A new transfer in a cluster of two, two of its four chunks, and nodes that run. */
async function world(cluster: TestCluster) {
  await cluster.settled();
  const running = cluster.nodes.filter((node) => node.process.isRunning());
  const [asked, second] = running as unknown as readonly [TestServer, TestServer];
  const rows = await openRows(cluster.databaseUrl);
  const file = randomBytes(4 * MIB);
  const upload = await openUpload(asked, file.length);
  // A node that is busy right then gives a new transfer to another.
  const isHere = (await rows.share(upload.transferId)).home === nodeIdOf(asked);
  const [home, other] = isHere ? [asked, second] : [second, asked];
  for (const index of [0, 2]) expect((await putChunk(home, upload, file, index)).status).toBe(200);
  const again = (node: TestServer) => cluster.start({ dataDirectory: node.dataDirectory, port: node.port });
  const inSync = () =>
    waitFor('two copies', SOON_MS, async () => {
      const row = await rows.share(upload.transferId);
      return row.replicaState === 'in_sync' ? row : null;
    });
  return { rows, home, other, file, upload, again, inSync };
}

async function finish(node: TestServer, upload: OpenUpload, file: Buffer, indexes: readonly number[]) {
  for (const index of indexes) expect((await putChunk(node, upload, file, index)).status).toBe(200);
  expect((await getFile(node, upload.shareId)).equals(file)).toBe(true);
}

const statusOf = (node: TestServer, { transferId, uploadToken }: OpenUpload) =>
  fetch(`${node.url}/api/transfers/${transferId}/status`, { headers: { authorization: `Bearer ${uploadToken}` } });

/** `npm run peerlink`, on the machine of a node. */
async function giveUp(asked: TestServer, ...words: readonly string[]) {
  const script = startProcess(process.execPath, [path.join(ROOT, 'scripts', 'peerlink.mjs'), 'give-up', ...words], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATA_DIR: asked.dataDirectory },
  });
  const { code } = await script.exited(SOON_MS);
  return { code, said: script.log() };
}

let postgres: OwnPostgres;
/** Every transfer has two copies. */
let twice: TestCluster;
/** Every transfer has one. */
let once: TestCluster;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  twice = await startCluster({ nodes: 2, postgres });
  once = await startCluster({ nodes: 2, postgres, env: { REPLICATION_FACTOR: '1' } });
}, TEST_MS);

describe('after its machine rebooted', () => {
  it(
    'a home has its replica in sync take over: nothing acknowledged is lost, whatever its disk lost',
    async () => {
      const { rows, home, other, file, upload, again, inSync } = await world(twice);
      const { fileId, generation } = await inSync();
      await home.kill9();
      await simulateReboot(home);
      await flipBit(bytesPath(home, fileId), 5);
      const rebooted = await again(home);
      const moved = await waitFor('the replica is home', SOON_MS, async () => {
        const row = await rows.share(upload.transferId);
        return row.home === nodeIdOf(other) ? row : null;
      });
      expect(moved.generation).toBe(generation);
      expect(await committedOf(rebooted, upload)).toEqual([
        [0, 1],
        [2, 3],
      ]);
      await finish(rebooted, upload, file, [3, 1]);
      // The old home's copy was compared by value and mended when it became the replica.
      await waitFor('both copies are whole', SOON_MS, async () =>
        (await readFile(bytesPath(rebooted, fileId))).equals(file),
      );
    },
    TEST_MS,
  );

  it(
    'a home whose replica never returns goes on alone once an operator gives up on that, which ends what was at home there',
    async () => {
      const { rows, home, other, file, upload, again, inSync } = await world(twice);
      const { fileId, generation } = await inSync();
      const lost = await openUploadAt(other, MIB);
      await waitFor('its copy', SOON_MS, async () => (await rows.share(lost.transferId)).replicaState === 'in_sync');
      await other.kill9();
      await home.kill9();
      await simulateReboot(home);
      await flipBit(bytesPath(home, fileId), 5);
      const rebooted = await again(home);
      expect((await statusOf(rebooted, upload)).status).toBe(503);

      const gone = nodeIdOf(other);
      expect(await giveUp(rebooted, gone, '--confirm')).toMatchObject({
        code: 1,
        said: expect.stringMatching(/was seen \d+ s ago/),
      });
      await rows.missFor(gone);
      expect(await giveUp(rebooted, gone.slice(0, 8))).toMatchObject({
        code: 0,
        // The tests before have left one or another copy there.
        said: expect.stringMatching(
          /1 that is still being sent ends\n.*[1-9] transfers? of (another node loses its|other nodes lose their) second cop.*nothing was done/s,
        ),
      });
      expect(await rows.isGivenUp(gone)).toBe(false);
      expect(await giveUp(rebooted, gone, '--confirm')).toMatchObject({
        code: 0,
        said: expect.stringContaining(`${gone} is given up`),
      });
      expect(await (await statusOf(rebooted, lost)).json()).toMatchObject({ state: 'ended', endReason: 'node_lost' });
      const share = await fetch(`${rebooted.url}/api/shares/${lost.shareId}`);
      expect([share.status, await share.json()]).toMatchObject([410, { data: { endReason: 'node_lost' } }]);
      await waitFor('it goes on', SOON_MS, async () => (await statusOf(rebooted, upload)).status === 200);
      expect(await committedOf(rebooted, upload)).toEqual([[2, 3]]);
      const alone = await rows.share(upload.transferId);
      expect(alone).toMatchObject({ home: nodeIdOf(rebooted), replica: null, generation: generation + 1 });

      const back = await again(other);
      await waitFor('it is a node again', SOON_MS, async () => !(await rows.isGivenUp(gone)));
      await finish(rebooted, upload, file, [0, 1, 3]);
      await waitFor(
        'two copies',
        SOON_MS,
        async () => (await rows.share(upload.transferId)).replicaState === 'in_sync',
      );
      expect((await readFile(bytesPath(back, fileId))).equals(file)).toBe(true);
      expect((await rows.share(lost.transferId)).state).toBe('ended');
    },
    TEST_MS,
  );

  it(
    'a home without a replica drops what does not verify, and says so by a new generation',
    async () => {
      const { rows, home, file, upload, again } = await world(once);
      const { fileId, generation } = await rows.share(upload.transferId);
      await home.kill9();
      await simulateReboot(home);
      await flipBit(bytesPath(home, fileId), 2 * MIB + 5);
      const rebooted = await again(home);
      expect(await committedOf(rebooted, upload)).toEqual([[0, 1]]);
      expect((await rows.share(upload.transferId)).generation).toBe(generation + 1);
      await finish(rebooted, upload, file, [1, 2, 3]);
    },
    TEST_MS,
  );

  it(
    'a replica says that it has to be compared anew before it takes or promotes anything',
    async () => {
      const { rows, home, other, file, upload, again, inSync } = await world(twice);
      const before = await inSync();
      await other.kill9();
      await simulateReboot(other);
      await flipBit(bytesPath(other, before.fileId), 2 * MIB + 5);
      const rebooted = await again(other);
      const after = await waitFor('it is in sync again', SOON_MS, async () => {
        const row = await rows.share(upload.transferId);
        return row.epoch > before.epoch && row.replicaState === 'in_sync' ? row : null;
      });
      expect(after.home).toBe(nodeIdOf(home));
      const mended = (await readFile(bytesPath(rebooted, before.fileId))).subarray(2 * MIB, 3 * MIB);
      expect(mended.equals(file.subarray(2 * MIB, 3 * MIB))).toBe(true);
      await finish(rebooted, upload, file, [1, 3]);
    },
    TEST_MS,
  );

  it(
    'a node that only restarted trusts its disk: no row changes hands',
    async () => {
      const { rows, home, file, upload, again } = await world(once);
      const before = await rows.share(upload.transferId);
      await home.kill9();
      const restarted = await again(home);
      expect(await committedOf(restarted, upload)).toEqual([
        [0, 1],
        [2, 3],
      ]);
      expect(await rows.share(upload.transferId)).toEqual(before);
      await finish(restarted, upload, file, [1, 3]);
    },
    TEST_MS,
  );
});

describe('with another CLUSTER_SECRET than the rest', () => {
  it(
    'a node is not ready, says what to do, and harms nobody; one that gets the same again is',
    async () => {
      const dataDirectory = tempDirectory();
      const foreign = { dataDirectory, env: { CLUSTER_SECRET: 'the secret of another cluster' } };
      await expect(once.start({ ...foreign, readyDeadlineMs: 12_000 })).rejects.toThrow(
        /readyz answers 200.*CLUSTER_SECRET: this node has another secret.*give it the CLUSTER_SECRET of the others/s,
      );
      for (const node of once.nodes) {
        expect(await isReady(node.url)).toBe(true);
        expect(node.log()).not.toContain('this node has another secret');
      }
      const mended = await once.start({ dataDirectory });
      expect(await (await fetch(`${mended.url}/readyz`)).json()).toMatchObject({ parts: { secret: true } });
      await once.settled();
    },
    TEST_MS,
  );
});

describe('while PostgreSQL is frozen', () => {
  it(
    'a share whose row both nodes read is downloaded from either, and an open transfer takes chunks',
    async () => {
      const { home, other, rows } = await world(twice);
      const file = randomBytes(4 * MIB);
      const sealed = await openUpload(home, file.length);
      await finish(home, sealed, file, [0, 1, 2, 3]);
      expect((await getFile(other, sealed.shareId)).equals(file)).toBe(true);
      const open = await openUpload(home, file.length);
      for (const node of [home, other])
        expect((await putChunk(node, open, file, node === home ? 0 : 1)).status).toBe(200);
      await waitFor('two copies', SOON_MS, async () => (await rows.share(open.transferId)).replicaState === 'in_sync');
      // By this one the replica hears of the row that says so.
      expect((await putChunk(home, open, file, 2)).status).toBe(200);
      postgres.freeze();
      try {
        for (const node of [home, other]) expect((await getFile(node, sealed.shareId)).equals(file)).toBe(true);
        expect((await putChunk(other, open, file, 3)).status).toBe(200);
        const startedMs = performance.now();
        const refused = await fetch(`${home.url}/new.bin`, { method: 'PUT', body: Buffer.alloc(10) });
        expect(refused.status).toBe(503);
        expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(performance.now() - startedMs).toBeLessThan(3_000);
      } finally {
        postgres.thaw();
      }
      await waitFor('it is sealed', SOON_MS, async () => (await rows.share(open.transferId)).state === 'sealed');
      expect((await getFile(other, open.shareId)).equals(file)).toBe(true);
    },
    TEST_MS,
  );

  it(
    'a sealed file whose home dies is read through a third node from the replica, which has forgotten its row',
    async () => {
      const { home, other, rows, file, upload, again, inSync } = await world(twice);
      await finish(home, upload, file, [1, 3]);
      await inSync();
      const gateway = await twice.start();
      await other.kill9();
      const replica = await again(other);
      await twice.settled();
      expect(await rows.share(upload.transferId)).toMatchObject({ home: nodeIdOf(home), state: 'sealed' });
      expect((await getFile(gateway, upload.shareId)).equals(file)).toBe(true);
      postgres.freeze();
      try {
        await home.kill9();
        expect((await getFile(gateway, upload.shareId)).equals(file)).toBe(true);
        // It was told for one answer, and knows no more about it than before.
        const asked = await fetch(`${replica.url}/d/${upload.shareId}/0/some.bin`, {
          signal: AbortSignal.timeout(SOON_MS),
        });
        expect(asked.status).toBe(503);
      } finally {
        postgres.thaw();
      }
    },
    TEST_MS,
  );
});
