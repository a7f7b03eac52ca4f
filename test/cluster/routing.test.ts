import { createHash, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { waitFor } from '../support/waiting.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({
    nodes: 3,
    areClocksWrong: true,
    env: { RATE_LIMIT_DOWNLOADS_PER_MINUTE: '10000' },
  });
}, 180_000);

describe('a cluster of three nodes', () => {
  it('takes a file on one node and serves it on every other', async () => {
    const [first, ...others] = cluster.nodes;
    const bytes = randomBytes(5_000_000);
    const answer = await fetch(`${first?.url}/some.bin`, { method: 'PUT', body: bytes });
    const text = await answer.text();
    expect(answer.status).toBe(201);
    const link = new URL(text.split('\n')[0] ?? '');
    for (const node of others) {
      const got = Buffer.from(await (await fetch(`${node.url}${link.pathname}`)).arrayBuffer());
      expect(createHash('sha256').update(got).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
      // Within a chunk, and from the middle of one into others: what hides the bytes between nodes begins in the middle too.
      for (const [start, end] of [
        [100, 7_777],
        [1_500_001, 4_000_000],
      ] as const) {
        const part = await fetch(`${node.url}${link.pathname}`, { headers: { range: `bytes=${start}-${end}` } });
        expect(part.status).toBe(206);
        expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(start, end + 1))).toBe(true);
      }
    }
  }, 180_000);

  it('tells pages the same time on every node, however wrong its clock is', async () => {
    const toldMs = await Promise.all(
      cluster.nodes.map(async ({ url }) => {
        const { headers } = await fetch(`${url}/api/cluster`);
        return Date.parse(headers.get('x-server-time') ?? '');
      }),
    );
    // The nodes' own clocks are 90 s apart; a busy machine takes a while to answer.
    for (const ms of toldMs) expect(Math.abs(ms - Date.now())).toBeLessThan(10_000);
  });

  it('lets a password’s grant and a link count to their end by the database’s time, however wrong a node’s clock is', async () => {
    const statusesOf = (path: string, headers: Record<string, string>) =>
      Promise.all(cluster.nodes.map(async ({ url }) => (await fetch(`${url}${path}`, { headers })).status));
    const json = (method: string, body: object, more: Record<string, string> = {}) => ({
      method,
      headers: { 'content-type': 'application/json', ...more },
      body: JSON.stringify(body),
    });
    for (const [index, node] of cluster.nodes.entries()) {
      const files = [{ path: 'a', sizeBytes: 5 }];
      const asked = { files, password: 'open', expiresInSeconds: 60 };
      const opened = await fetch(`${node.url}/api/transfers`, json('POST', asked));
      const { transfer, uploadToken } = (await opened.json()) as {
        transfer: { id: string; shareId: string };
        uploadToken: string;
      };
      const upload = { authorization: `Bearer ${uploadToken}` };
      const put = { method: 'PUT', body: 'hello', headers: upload };
      expect((await fetch(`${node.url}/api/transfers/${transfer.id}/files/0`, put)).status).toBe(200);
      const granted = await fetch(
        `${node.url}/api/shares/${transfer.shareId}/grant`,
        json('POST', { password: 'open' }),
      );
      expect(granted.status).toBe(201);
      const maxAge = Number(/Max-Age=(\d+)/.exec(granted.headers.getSetCookie()[0] ?? '')?.[1]);
      expect(maxAge).toBeGreaterThan(0);
      expect(maxAge).toBeLessThanOrEqual(60);
      const cookie = granted.headers.getSetCookie()[0]?.split(';')[0] ?? '';
      expect([index, await statusesOf(`/d/${transfer.shareId}/0`, { cookie })]).toEqual([index, [200, 200, 200]]);
      const shorter = json('PATCH', { expiresInSeconds: 1 }, upload);
      expect((await fetch(`${node.url}/api/transfers/${transfer.id}`, shorter)).status).toBe(200);
      await waitFor('it is over everywhere', 10_000, async () =>
        (await statusesOf(`/d/${transfer.shareId}/0`, { cookie })).every((status) => status === 410),
      );
    }
  }, 60_000);
});
