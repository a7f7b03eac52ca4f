import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { committedOf, getFile, openUploadAt, putFile } from '../support/cluster-client.ts';
import { nodeIdOf, openRows } from '../support/cluster-storage.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const TEST_MS = 240_000;
const SOON_MS = 20_000;
/** A minute, what its last heartbeat and the looks at it add, and the copying. */
const TAKEN_OVER_MS = 110_000;
const AWAY_MS = 60_000;
const TOKEN = 'the-token-of-the-operator-in-this-test';

let cluster: TestCluster;
let rows: Awaited<ReturnType<typeof openRows>>;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, areClocksWrong: true, env: { ADMIN_TOKEN: TOKEN } });
  rows = await openRows(cluster.databaseUrl);
}, TEST_MS);

const operator = { headers: { authorization: `Bearer ${TOKEN}` } };

async function drain(at: TestServer, nodeId: string): Promise<{ homeCount: number; onlyCopyCount: number }> {
  const answer = await fetch(`${at.url}/api/operator/nodes/${nodeId}/drain`, { method: 'POST', ...operator });
  expect(answer.status).toBe(202);
  return (await answer.json()) as { homeCount: number; onlyCopyCount: number };
}

async function stateOf(at: TestServer, nodeId: string): Promise<string | undefined> {
  const answer = await fetch(`${at.url}/api/operator/overview`, operator);
  const { nodes } = (await answer.json()) as { nodes: { health: { nodeId: string; state: string } }[] };
  return nodes.find(({ health }) => health.nodeId === nodeId)?.health.state;
}

async function copied(id: string) {
  return waitFor('two copies', SOON_MS, async () => {
    const found = await rows.share(id);
    return found.replicaState === 'in_sync' ? found : null;
  });
}

/** A body without an end: its first two chunks, and nothing more. */
async function endlessBody(node: TestServer, upload: { transferId: string; uploadToken: string }): Promise<void> {
  const socket = connect(node.port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  const path = `/api/transfers/${upload.transferId}/files/0?offset=0`;
  const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${upload.uploadToken}\r\n`;
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n${(2 * MIB).toString(16)}\r\n`);
  socket.write(randomBytes(2 * MIB));
}

describe('a home that is killed and never comes back', () => {
  it(
    'ends a body without a length at once; what is sealed goes to its replica after a minute, which leaves only then',
    async () => {
      const [asked] = cluster.nodes as readonly [TestServer, ...TestServer[]];
      const bytes = randomBytes(3 * MIB + 5);
      const shareId = await putFile(asked, bytes);
      const { home: homeId, replica } = await copied(shareId);
      const byId = (id: string | null) => cluster.nodes.find((node) => nodeIdOf(node) === id) as TestServer;
      // A node that is busy right then gives a new transfer to another.
      const [home, holder] = [byId(homeId), byId(replica)];
      const third = cluster.nodes.find((node) => node !== home && node !== holder) as TestServer;

      const endless = await openUploadAt(home, null);
      await endlessBody(home, endless);
      await waitFor('two chunks', SOON_MS, async () => (await committedOf(home, endless))[0]?.[1] === 2);
      await copied(endless.transferId);
      const reading = fetch(`${third.url}/d/${endless.shareId}/0/some.bin`).then((answer) => answer.arrayBuffer());
      reading.catch(() => {});
      await home.kill9();
      const killedAtMs = performance.now();
      await expect(reading).rejects.toThrow();
      await waitFor('its end', SOON_MS, async () => (await rows.share(endless.transferId)).state === 'ended');
      expect(performance.now() - killedAtMs).toBeLessThan(15_000);

      expect((await getFile(third, shareId)).equals(bytes)).toBe(true);
      expect(await drain(third, nodeIdOf(holder))).toEqual({
        nodeId: nodeIdOf(holder),
        homeCount: 0,
        onlyCopyCount: 1,
      });
      const draining = await waitFor('it leaves', TAKEN_OVER_MS, async () => {
        const row = await rows.share(shareId);
        const state = await stateOf(third, nodeIdOf(holder));
        if (row.home === homeId) expect(state).toBe('draining');
        return state === 'left' ? row : null;
      });
      expect(performance.now() - killedAtMs).toBeGreaterThan(AWAY_MS);
      expect(draining).toMatchObject({ state: 'sealed', home: nodeIdOf(third) });
      await holder.stop();
      expect(holder.log()).toMatch(/"onlyCopies":0,"msg":"stopped/);
      expect((await getFile(third, shareId)).equals(bytes)).toBe(true);
    },
    TEST_MS,
  );
});
