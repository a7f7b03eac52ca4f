import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { OperatorNode, OperatorOverview } from '../../services/contracts/operator.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { openUpload, putChunk } from '../support/cluster-client.ts';
import { nodeIdOf } from '../support/cluster-storage.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT, type TestServer } from '../support/server.ts';
import { openTerminal } from '../support/terminal.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const TOKEN = 'the-token-of-the-operator-in-this-test';
/** "Of any node within 2 s of a change." */
const SEEN_MS = 2_000;
/** Until a heartbeat is missed, a lease has run out, a process has started: what comes before the change itself. */
const SOON_MS = 20_000;
/** Until all nodes were asked and have told each other. */
const TOLD_MS = 5_000;
const FILE_CHUNKS = 24;

let cluster: TestCluster;
let nodes: readonly TestServer[];
let readyAtMs = 0;

beforeAll(async () => {
  // Without CLUSTER_SECRET: the first node made one, and a console reads it where the nodes do.
  cluster = await startCluster({
    nodes: 3,
    areClocksWrong: true,
    env: { ADMIN_TOKEN: TOKEN, CLUSTER_SECRET: undefined },
  });
  nodes = [...cluster.nodes];
  readyAtMs = performance.now();
}, 120_000);

async function overviewOf(node: Pick<TestServer, 'url'>): Promise<OperatorOverview> {
  const answer = await fetch(`${node.url}/api/operator/overview`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    signal: AbortSignal.timeout(5_000),
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as OperatorOverview;
}

/** There is one in this test. */
async function homeOfTheTransfer(): Promise<TestServer> {
  return await waitFor('the transfer has a home', SOON_MS, async () => {
    const [transfer] = (await overviewOf(nodes[0] as TestServer)).transfers;
    return nodes.find((node) => nodeIdOf(node) === transfer?.homeNodeId) ?? null;
  });
}

const nodeIn = ({ nodes: seen }: OperatorOverview, node: TestServer): OperatorNode | undefined =>
  seen.find(({ health }) => health.nodeId === nodeIdOf(node));

/** Waits until the overview of each of these nodes is as wanted. */
async function allSee(
  by: readonly TestServer[],
  what: string,
  deadlineMs: number,
  isWanted: (o: OperatorOverview) => boolean,
) {
  return await Promise.all(
    by.map((node) =>
      waitFor(`${nodeIdOf(node)} sees ${what}`, deadlineMs, async () => {
        const found = await overviewOf(node);
        return isWanted(found) ? found : null;
      }),
    ),
  );
}

/** Ids with their times, newest first. */
const eventsOf = ({ events }: OperatorOverview) => events.map(({ id, at, kind }) => `${id} ${at} ${kind}`);

/** Waits until these nodes tell the same events, of which some are as wanted. */
async function sameEvents(by: readonly TestServer[], kinds: Readonly<Record<string, number>>) {
  return await waitFor('the same events at every node', TOLD_MS, async () => {
    const [first, ...others] = await Promise.all(by.map(overviewOf));
    if (first === undefined || others.some((other) => String(eventsOf(other)) !== String(eventsOf(first)))) return null;
    const count = (kind: string) => first.events.filter((event) => event.kind === kind).length;
    return Object.entries(kinds).every(([kind, least]) => count(kind) >= least) ? first.events : null;
  });
}

/** Adds up what flows from node to node, from the first byte on until nothing does. */
async function watchFlows(node: TestServer): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  let before = await overviewOf(node);
  await waitFor('what flowed is over', 2 * SOON_MS, async () => {
    const now = await overviewOf(node);
    const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
    for (const { fromNodeId, toNodeId, bytesPerSecond } of before.flows) {
      const flow = `${fromNodeId} ${toNodeId}`;
      bytes.set(flow, (bytes.get(flow) ?? 0) + bytesPerSecond * seconds);
    }
    before = now;
    return bytes.size > 0 && now.flows.length === 0;
  });
  return bytes;
}

describe('the overview of a cluster', () => {
  it('shows every node, one leader and the same events, whichever node is asked', async () => {
    const seen = await allSee(nodes, 'three nodes', SEEN_MS, (o) => o.nodes.filter((n) => n.isAnswering).length === 3);
    for (const overview of seen) {
      expect(overview).toMatchObject({ mode: 'cluster', clusterId: seen[0]?.clusterId, leader: seen[0]?.leader });
      expect(overview.nodes.map(({ health }) => health.nodeId)).toEqual(nodes.map(nodeIdOf).sort());
      expect(overview.nodes.filter(({ isLeader }) => isLeader)).toHaveLength(1);
      for (const node of overview.nodes) {
        expect(node.health.state).toBe('healthy');
        expect(node.traffic).not.toBeNull();
      }
    }
    await sameEvents(nodes, { joined: 3, elected: 1 });
  });

  it('shows what flows between nodes, in sum what was carried, and the transfer that moves', async () => {
    const file = randomBytes((FILE_CHUNKS + 1) * MIB);
    const upload = await openUpload(nodes[0] as TestServer, file.length);
    // A node that is busy right then gives a new transfer to another.
    const home = await homeOfTheTransfer();
    const [gateway, third] = nodes.filter((node) => node !== home) as [TestServer, TestServer];
    // Until a node has run for five seconds its means are over less, and their sum is no sum of bytes.
    await waitFor('means over five seconds', 10_000, () => performance.now() - readyAtMs > 5_000);
    const carried = watchFlows(third);
    await Promise.all(
      Array.from({ length: FILE_CHUNKS }, async (_, index) => {
        expect((await putChunk(gateway, upload, file, index)).status).toBe(200);
      }),
    );
    const found = await waitFor('the transfer with its replica', SOON_MS, async () => {
      const overview = await overviewOf(third);
      const transfer = overview.transfers.find(({ id }) => id === upload.transferId);
      return transfer?.committedBytes === FILE_CHUNKS * MIB && transfer.isReplicaInSync ? { overview, transfer } : null;
    });
    expect(found.transfer).toMatchObject({
      state: 'open',
      homeNodeId: nodeIdOf(home),
      fileCount: 1,
      totalBytes: file.length,
    });
    expect(found.overview.transfers[0]?.id).toBe(upload.transferId);
    expect(nodeIn(found.overview, home)?.homeCount).toBe(1);
    const bytes = await carried;
    const into = `${nodeIdOf(gateway)} ${nodeIdOf(home)}`;
    const out = `${nodeIdOf(home)} ${found.transfer.replicaNodeId}`;
    expect([...bytes.keys()].sort()).toEqual([into, out].sort());
    // Rates over time are bytes again, as exactly as one look a second tells.
    for (const flow of [into, out]) {
      expect(bytes.get(flow)).toBeGreaterThan(0.6 * FILE_CHUNKS * MIB);
      expect(bytes.get(flow)).toBeLessThan(1.5 * FILE_CHUNKS * MIB);
    }
    expect((await putChunk(gateway, upload, file, FILE_CHUNKS)).status).toBe(200);
    await sameEvents(nodes, { attached: 1, in_sync: 1 });
  }, 60_000);
});

describe('a console of the cluster', () => {
  it('lists three nodes and is none itself, checks what is stored, and empties a node until it has left', async () => {
    const console = openTerminal(`${process.execPath} ${join(ROOT, 'dist', 'services', 'main.js')} --repl`, {
      DATABASE_URL: cluster.databaseUrl,
      REDIS_HOST: cluster.redis.host,
      REDIS_PORT: String(cluster.redis.port),
      USE_CLUSTER: 'true',
      DATA_DIR: '/nonexistent',
    });
    await console.says(/peerlink \$ $/);
    await waitFor('three healthy nodes are listed', SOON_MS, async () => {
      console.type('peerlink nodes');
      const listed = await console.says(/^3 nodes$/m);
      return nodes.every((node) => new RegExp(`^${nodeIdOf(node)} +healthy `, 'm').test(listed));
    });
    console.type('peerlink leader');
    expect(await console.says(/epoch \d+/)).toContain(
      (await overviewOf(nodes[0] as TestServer)).leader?.nodeId ?? 'nobody',
    );
    console.type('peerlink transfers');
    expect(await console.says(/^1 transfer, 0 without a second copy$/m)).toMatch(
      /^\w{22} +share +sealed .* 25\.0 MiB of 25\.0 MiB +0$/m,
    );
    console.type('peerlink scrub');
    const scrubbed = await console.says(/(\w+: \d+ chunks? checked, 0 repaired, 0 damaged\s+){3}/);
    const checked = [...scrubbed.matchAll(/: (\d+) chunks? checked/g)].map(([, count]) => Number(count));
    expect(checked.sort((a, b) => a - b)).toEqual([0, FILE_CHUNKS + 1, FILE_CHUNKS + 1]);
    console.type('peerlink drain nobody');
    await console.says(/no node that answers is called nobody; there are:/);

    const home = await homeOfTheTransfer();
    console.type(`peerlink drain ${nodeIdOf(home)}`);
    expect(await console.says(/is draining: .*\n/)).toContain(nodeIdOf(home));
    await waitFor('the drained node has left', SOON_MS, async () => {
      console.type('peerlink nodes');
      return new RegExp(`^${nodeIdOf(home)} +left `, 'm').test(await console.says(/^3 nodes$/m));
    });
    const seen = await allSee(nodes, 'it has left', SEEN_MS, (o) => nodeIn(o, home)?.health.state === 'left');
    for (const overview of seen)
      expect(nodeIn(overview, home)).toMatchObject({ isAnswering: true, homeCount: 0, isLeader: false });
    await sameEvents(nodes, { drained: 1, state_changed: 1 });
    console.type('quit');
    expect(await console.ended()).toBe(0);
    expect((await overviewOf(home)).events.filter(({ kind }) => kind === 'gone')).toEqual([]);
  }, 60_000);
});

describe('nodes that go and come', () => {
  it('are seen by every other one: killed, replaced as leader, and back', async () => {
    const { leader: leads, nodes: seen } = await overviewOf(nodes[0] as TestServer);
    const leaderId = leads?.nodeId;
    const left = seen.filter(({ health }) => health.state === 'left');
    expect(left).toHaveLength(1);
    const drained = nodes.find((node) => nodeIdOf(node) === left[0]?.health.nodeId);
    const leader = nodes.find((node) => nodeIdOf(node) === leaderId) as TestServer;
    const others = nodes.filter((node) => node !== leader);
    await leader.kill9();
    const silent = await allSee(others, 'it does not answer', SEEN_MS, (o) => nodeIn(o, leader)?.isAnswering === false);
    for (const overview of silent) {
      expect(nodeIn(overview, leader)).toMatchObject({ traffic: null, isLeader: false, version: '2.0.0' });
      expect(nodeIn(overview, leader)?.health.memoryBytes).toBeGreaterThan(0);
    }
    await waitFor('another one leads', SOON_MS, () =>
      others.some((node) => node.log().includes('this node leads') && node !== drained),
    );
    await allSee(others, 'the new leader', SEEN_MS, (o) => o.leader !== null && o.leader.nodeId !== leaderId);
    const gone = await waitFor('the same loss at every node', SOON_MS, () =>
      sameEvents(others, { gone: 1, elected: 2 }),
    );
    expect(gone.filter(({ kind }) => kind === 'gone')).toMatchObject([
      { nodeId: leaderId, facts: [{ what: 'silent' }] },
    ]);

    const back = await cluster.start({ dataDirectory: leader.dataDirectory, port: leader.port });
    const now = [...others, back];
    await allSee(now, 'it is back', SEEN_MS, (o) => nodeIn(o, back)?.isAnswering === true);
    // The fresh one was told by the others what happened before it came.
    await sameEvents(now, { joined: 4, gone: 1, elected: 2, drained: 1 });
  }, 60_000);
});

describe("the operator's token", () => {
  it('signs in at one node for all, until that sign-in is ended at any of them', async () => {
    const running = cluster.nodes.filter((node) => node.process.isRunning());
    const [first, second] = running as [TestServer, TestServer];
    const session = (node: TestServer, init: RequestInit) =>
      fetch(`${node.url}/api/operator/session`, { ...init, signal: AbortSignal.timeout(SEEN_MS) });
    const signIn = async () => {
      const headers = { 'content-type': 'application/json' };
      const answer = await session(first, { method: 'POST', headers, body: JSON.stringify({ token: TOKEN }) });
      return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    };
    const [stolen, other] = [await signIn(), await signIn()];
    const seenWith = (cookie: string) =>
      Promise.all(
        running.map(async (node) => (await fetch(`${node.url}/api/operator/overview`, { headers: { cookie } })).status),
      );
    expect(await seenWith(stolen)).toEqual([200, 200, 200]);
    expect((await session(second, { method: 'DELETE', headers: { cookie: stolen } })).status).toBe(204);
    await waitFor('it counts at no node', SEEN_MS, async () => String(await seenWith(stolen)) === '401,401,401');
    expect(await seenWith(other)).toEqual([200, 200, 200]);
  });

  it('that is renewed by one node is worthless on every other within 2 s', async () => {
    const running = cluster.nodes.filter((node) => node.process.isRunning());
    const asked = running[0] as TestServer;
    const main = join(ROOT, 'dist', 'services', 'main.js');
    const program = startProcess(process.execPath, [main, '--admin-token'], {
      env: { PATH: process.env.PATH, DATA_DIR: asked.dataDirectory },
    });
    expect((await program.exited(SOON_MS)).code).toBe(0);
    const renewed = /shown only this once: (\w{32})/.exec(program.log())?.[1] ?? '';
    const statusOf = async (node: TestServer, token: string) =>
      (await fetch(`${node.url}/api/operator/overview`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(running).toHaveLength(3);
    await Promise.all(
      running.map((node) =>
        waitFor('the new token counts', SEEN_MS, async () => (await statusOf(node, renewed)) === 200),
      ),
    );
    expect(await Promise.all(running.map((node) => statusOf(node, TOKEN)))).toEqual([401, 401, 401]);
  });
});
