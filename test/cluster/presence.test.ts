import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { comeIn, newRoom, openPage, type PersonClient, rename } from '../support/person-client.ts';
import { startProcess } from '../support/processes.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const START_MS = 180_000;
const TEST_MS = 60_000;
/** "Seen on all within 1 s, gone within 5 s of a killed browser or node, rebuilt within 10 s after a Redis flush." */
const SEEN_MS = 1_000;
const GONE_MS = 5_000;
const REBUILT_MS = 10_000;
const ROUNDS = 6;

let cluster: TestCluster;
let nodes: readonly [TestServer, TestServer, TestServer];
/** One at each node, in one room. */
let watching: readonly PersonClient[];
let room = '';

beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, env: { TRUSTED_PROXIES: '127.0.0.1' } });
  nodes = cluster.nodes as unknown as typeof nodes;
  const first = await openPage(nodes[0]);
  room = await newRoom(nodes[0], first.cookie);
  await first.join(room);
  watching = [first, await comeIn(nodes[1], room), await comeIn(nodes[2], room)];
}, START_MS);

function say(what: string, figures: Readonly<Record<string, unknown>>): void {
  process.stderr.write(`presence: ${what} ${JSON.stringify(figures)}\n`);
}

/** How long it took until each of them sees exactly these people besides themselves. */
async function untilAllSee(
  what: string,
  deadlineMs: number,
  wanted: readonly PersonClient[],
  by: readonly PersonClient[] = watching,
): Promise<number> {
  const startedAtMs = performance.now();
  const isSeen = (page: PersonClient) =>
    page.others().join() ===
    wanted
      .map(({ id }) => id)
      .filter((id) => id !== page.id)
      .sort()
      .join();
  await waitFor(what, deadlineMs, () => by.every(isSeen));
  return performance.now() - startedAtMs;
}
const rounded = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return { medianMs: Math.round(sorted[sorted.length >> 1] ?? 0), maxMs: Math.round(sorted.at(-1) ?? 0) };
};

describe('people of a room', () => {
  it(
    'are seen on all nodes within a second when they come, change their name, and go',
    async () => {
      await untilAllSee('the three see each other', 5_000, watching);
      const took: Record<'came' | 'renamed' | 'went', number[]> = { came: [], renamed: [], went: [] };
      for (let round = 0; round < ROUNDS; round += 1) {
        const node = nodes[round % 3] as TestServer;
        const guest = await openPage(node);
        const coming = guest.join(room);
        took.came.push(await untilAllSee('the guest came', SEEN_MS, [...watching, guest]));
        expect((await coming).ok).toBe(true);
        const name = `Guest ${round}`;
        const renaming = rename(node, guest.cookie, name);
        const startedAtMs = performance.now();
        const isNamed = ({ told }: PersonClient) =>
          told.at(-1)?.snapshot.people.some((one) => one.displayName === name);
        await waitFor('the new name', SEEN_MS, () => watching.every(isNamed));
        took.renamed.push(performance.now() - startedAtMs);
        expect((await renaming).status).toBe(200);
        guest.close();
        took.went.push(await untilAllSee('the guest went', SEEN_MS, watching));
      }
      say('seen on three nodes', {
        came: rounded(took.came),
        renamed: rounded(took.renamed),
        went: rounded(took.went),
      });
    },
    TEST_MS,
  );

  it(
    'are one person in tabs at two nodes, and nobody in another room or of no node is among them',
    async () => {
      const guest = await comeIn(nodes[0], room);
      const elsewhere = await comeIn(nodes[1], null, { cookie: guest.cookie, address: '192.168.9.5' });
      const tab = await comeIn(nodes[2], room, { cookie: guest.cookie });
      const [network, outside] = [
        await comeIn(nodes[0], null, { address: '192.168.9.6' }),
        await comeIn(nodes[0], null, { address: '192.168.10.6' }),
      ];
      await untilAllSee('the guest', SEEN_MS, [...watching, guest]);
      await untilAllSee('the network', SEEN_MS, [elsewhere, network], [elsewhere, network]);
      expect(outside.others()).toEqual([]);
      guest.close();
      await delay(SEEN_MS / 2);
      await untilAllSee('the guest by the other tab', SEEN_MS, [...watching, tab]);

      const key = String(((await cluster.redis.command('KEYS', 'peerlink:*:present:*')) as string[])[0]);
      const forged = `x\n${JSON.stringify([['forged1111111111111111', 'Forged', `code:${room}`]])}`;
      await cluster.redis.command('SET', key.replace(/[^:]+$/, 'stranger'), forged);
      await delay(SEEN_MS);
      await untilAllSee('nobody else', 100, [...watching, tab]);
      tab.close();
      await untilAllSee('the guest is gone', SEEN_MS, watching);
    },
    TEST_MS,
  );

  it(
    'are gone within five seconds when their browser is killed',
    async () => {
      const guest = await openPage(nodes[1]);
      const page = startProcess(process.execPath, [
        join(__dirname, 'clients', 'stay-in-room.mjs'),
        nodes[2].url,
        guest.cookie,
        room,
      ]);
      await waitFor('it is in the room', 10_000, () => page.log().includes('in the room'));
      await untilAllSee('the page', SEEN_MS, [...watching, guest]);
      page.signal('SIGKILL');
      say('a browser is killed', { goneMs: Math.round(await untilAllSee('it is gone', GONE_MS, watching)) });
    },
    TEST_MS,
  );

  it(
    'are all there within ten seconds after Redis was emptied',
    async () => {
      await cluster.redis.command('FLUSHALL');
      const startedAtMs = performance.now();
      let lastLessAtMs = startedAtMs;
      const isWhole = (page: PersonClient) => page.others().length === watching.length - 1;
      while (performance.now() - startedAtMs < 3_000) {
        if (!watching.every(isWhole)) lastLessAtMs = performance.now();
        await delay(20);
      }
      const late = await comeIn(nodes[1], room);
      await untilAllSee('everybody', REBUILT_MS - 3_000, [...watching, late], [...watching, late]);
      late.close();
      await untilAllSee('the late one is gone', SEEN_MS, watching);
      say('Redis is emptied', { lessThanAllMs: Math.round(lastLessAtMs - startedAtMs) });
    },
    TEST_MS,
  );

  it(
    "are each node's own while Redis is away, and the same everywhere after",
    async () => {
      const beside = await Promise.all(nodes.map((node) => comeIn(node, room)));
      await untilAllSee('all six', SEEN_MS, [...watching, ...beside]);
      await cluster.redis.kill9();
      const startedAtMs = performance.now();
      for (const [index, page] of watching.entries()) {
        await untilAllSee("the node's own", 10_000, [page, beside[index] as PersonClient], [page]);
      }
      const ownMs = Math.round(performance.now() - startedAtMs);
      const late = await comeIn(nodes[0], room);
      expect(late.others()).toHaveLength(2);
      await cluster.redis.restart();
      const everybody = [...watching, ...beside, late];
      const backMs = Math.round(await untilAllSee('everybody again', 20_000, everybody, everybody));
      say('Redis is killed', { ownOnlyMs: ownMs, wholeAfterRestartMs: backMs });
      for (const page of [...beside, late]) page.close();
      await untilAllSee('the three again', SEEN_MS, watching);
    },
    TEST_MS,
  );

  it(
    'of a private network are not those of the same addresses at a node whose NODE_SITE is another',
    async () => {
      const there = await cluster.start({ env: { TRUSTED_PROXIES: '127.0.0.1', NODE_SITE: 'another' } });
      const from = (node: TestServer, address: string) => comeIn(node, null, { address });
      const here = [await from(nodes[0], '192.168.77.5'), await from(nodes[1], '192.168.77.6')];
      const others = [await from(there, '192.168.77.7'), await from(there, '192.168.77.8')];
      // A public address is the same one everywhere: the two nodes do tell each other who is there.
      const everywhere = [await from(nodes[0], '203.0.113.77'), await from(there, '203.0.113.77')];
      await untilAllSee('those of the public address', GONE_MS, everywhere, everywhere);
      await untilAllSee('the network of one site', SEEN_MS, here, here);
      await untilAllSee('the network of the other', SEEN_MS, others, others);
      for (const page of [...here, ...others, ...everywhere]) page.close();
      await there.kill9();
    },
    TEST_MS,
  );

  // Last: the node stays down.
  it(
    'are gone within five seconds with a node that is killed',
    async () => {
      const [first, second, third] = watching as [PersonClient, PersonClient, PersonClient];
      const killing = nodes[2].kill9();
      const goneMs = await untilAllSee('its people are gone', GONE_MS, [first, second], [first, second]);
      await killing;
      say('a node is killed', { goneMs: Math.round(goneMs) });
      const again = await comeIn(nodes[1], room, { cookie: third.cookie });
      expect(again.id).toBe(third.id);
      await untilAllSee('one of them at another node', SEEN_MS, [first, second, again], [first, second]);
    },
    TEST_MS,
  );
});
