import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { StatsResponse } from '../../services/contracts/http.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

/** "Equal within 0.1 %." */
const TOLERANCE = 0.001;

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

async function counterOf(node: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no ${name} in /metrics`);
  return Number(line.slice(name.length + 1));
}

async function statsOf(node: TestServer): Promise<StatsResponse> {
  const answer = await fetch(`${node.url}/api/stats`, { signal: AbortSignal.timeout(5_000) });
  expect(answer.status).toBe(200);
  return (await answer.json()) as StatsResponse;
}

describe('what nodes log', () => {
  it('is not that they ask each other every few seconds whether they live', async () => {
    const { nodes } = await startCluster({ nodes: 2 });
    await waitFor('each has been asked', 30_000, async () => {
      const texts = await Promise.all(nodes.map(async (node) => (await fetch(`${node.url}/metrics`)).text()));
      return texts.every((text) => text.includes('route="/peer/ping"'));
    });
    for (const node of nodes) expect(node.log()).not.toContain('"route":"/peer/');
  }, 120_000);
});

describe('what three nodes carry', () => {
  it('is counted once for clients and apart for peers, told by any node, and remembered over a restart', async () => {
    const cluster = await startCluster({ nodes: 3, areClocksWrong: true });
    const { nodes } = cluster;
    const totalOf = async (name: string) => sum(await Promise.all(nodes.map((node) => counterOf(node, name))));
    let [sentBytes, receivedBytes] = [0, 0];

    // Each file goes to one node and comes from all three; whole, in part, and with others as one zip.
    for (const [index, node] of nodes.entries()) {
      const bytes = randomBytes(6_000_000 + index);
      const put = await fetch(`${node.url}/file-${index}.bin`, { method: 'PUT', body: bytes });
      expect(put.status).toBe(201);
      sentBytes += bytes.length;
      const { pathname } = new URL((await put.text()).split('\n')[0] ?? '');
      for (const other of nodes) {
        const whole = Buffer.from(await (await fetch(`${other.url}${pathname}`)).arrayBuffer());
        expect(whole.equals(bytes)).toBe(true);
        const part = await fetch(`${other.url}${pathname}`, { headers: { range: 'bytes=1000000-2999999' } });
        expect(part.status).toBe(206);
        receivedBytes += whole.length + (await part.arrayBuffer()).byteLength;
      }
    }
    // One transfer whose runs come through all three nodes.
    const body = randomBytes(12 * 1024 * 1024);
    const opened = await fetch(`${nodes[0]?.url}/api/transfers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ files: [{ path: 'runs.bin', sizeBytes: body.length }] }),
    });
    expect(opened.status).toBe(201);
    const { transfer, uploadToken } = (await opened.json()) as {
      transfer: { id: string; shareId: string };
      uploadToken: string;
    };
    const runBytes = 4 * 1024 * 1024;
    await Promise.all(
      nodes.map(async (node, index) => {
        const run = body.subarray(index * runBytes, (index + 1) * runBytes);
        const put = await fetch(`${node.url}/api/transfers/${transfer.id}/files/0?offset=${index * runBytes}`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${uploadToken}` },
          body: run,
        });
        expect(put.status).toBe(200);
      }),
    );
    sentBytes += body.length;

    const isNear = (value: number, wanted: number) => Math.abs(value - wanted) <= wanted * TOLERANCE;
    // A server counts bytes when it gave them to its socket: a moment before or after the client has them.
    await waitFor('the counters agree', 5_000, async () =>
      isNear(await totalOf('peerlink_client_bytes_total{direction="out"}'), receivedBytes),
    );
    expect(isNear(await totalOf('peerlink_client_bytes_total{direction="in"}'), sentBytes)).toBe(true);
    const peerBytes = await totalOf('peerlink_peer_bytes_total');
    expect(peerBytes).toBeGreaterThan(0);

    await waitFor('every node tells the same of all', 10_000, async () => {
      const answers = await Promise.all(nodes.map(statsOf));
      return answers.every(({ nodes: seen, total }) => {
        const parts = (name: 'clientBytesIn' | 'clientBytesOut') => sum(seen.map((node) => node[name]));
        return (
          seen.length === 3 &&
          isNear(total.clientBytesIn, sentBytes) &&
          isNear(total.clientBytesOut, receivedBytes) &&
          parts('clientBytesIn') === total.clientBytesIn &&
          parts('clientBytesOut') === total.clientBytesOut
        );
      });
    });

    const isInHistory = ({ history }: StatsResponse) =>
      history !== null &&
      history.nodes.length === 3 &&
      isNear(sum(history.total.clientBytesIn), sentBytes) &&
      isNear(sum(history.total.clientBytesOut), receivedBytes);
    const [asked, ...others] = nodes as [TestServer, TestServer, TestServer];
    await waitFor('the history has it', 60_000, async () => isInHistory(await statsOf(asked)));
    await asked.stop();
    const again = await cluster.start({ dataDirectory: asked.dataDirectory, port: asked.port });
    const after = await statsOf(again);
    expect(after.history?.total.clientBytesIn).toHaveLength(90);
    expect(after.history?.stepSeconds).toBe(10);
    expect(isInHistory(after)).toBe(true);
    // The one that was restarted counts anew; what it carried is history.
    await cluster.settled([again, ...others]);
    const { clientBytesIn } = (await statsOf(again)).nodes.reduce((a, b) =>
      a.clientBytesIn < b.clientBytesIn ? a : b,
    );
    expect(clientBytesIn).toBe(0);
  }, 240_000);
});
