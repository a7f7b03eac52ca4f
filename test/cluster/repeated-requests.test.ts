import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { digestOf, piecesOf } from './clients/pattern.ts';
import { type FaultWorld, startWorld, type WorldNode } from './world/fault-world.ts';

const MIB = 1024 * 1024;
const TEST_MS = 120_000;
/** "Memory does not grow with a slow reader: at most 64 MiB more." */
const MOST_GROWTH_BYTES = 64 * MIB;
const SLOW_BYTES_PER_SECOND = MIB;
const SLOW_SECONDS = 4;

let world: FaultWorld;

interface Said {
  readonly status: number;
  readonly body: unknown;
}

async function ask(
  node: WorldNode,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer | string,
): Promise<Said> {
  const answer = await fetch(`${node.url}${path}`, {
    method,
    headers: { origin: node.url, ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

/** Asks one node, then another one the same. */
async function askTwice(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer | string,
): Promise<[Said, Said]> {
  const first = world.random.pick(world.nodes);
  const second = world.random.pick(world.others(first));
  return [await ask(first, method, path, headers, body), await ask(second, method, path, headers, body)];
}

const residentBytes = (node: WorldNode): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.server.pid}/status`, 'utf8'))?.[1]) * 1024;

describe('three nodes', () => {
  beforeAll(async () => {
    world = await startWorld('repeated requests', { nodes: 3 });
  }, 120_000);

  it(
    'are asked everything twice, at two nodes: the state is as if they were asked once',
    async () => {
      const cookie = await world.cookie('repeated');
      const file = { seed: 'repeated', sizeBytes: 5 * MIB + 4321 };
      const json = { cookie, 'content-type': 'application/json' };
      const opening = JSON.stringify({ files: [{ path: 'twice.bin', sizeBytes: file.sizeBytes }], password: 'of it' });
      const [opened, again] = await askTwice(
        'POST',
        '/api/transfers',
        { ...json, 'idempotency-key': 'the-same' },
        opening,
      );
      expect(opened.status).toBe(201);
      const { transfer, uploadToken } = opened.body as {
        transfer: { id: string; shareId: string };
        uploadToken: string;
      };

      // Links begin with the origin that was asked.
      expect(again).toMatchObject({ status: 201, body: { uploadToken, transfer: { id: transfer.id } } });
      const bearer = { authorization: `Bearer ${uploadToken}`, 'content-type': 'application/octet-stream' };
      for (let offset = 0; offset < file.sizeBytes; offset += 2 * MIB) {
        const end = Math.min(offset + 2 * MIB, file.sizeBytes);
        const body = Buffer.concat([...piecesOf(file, offset, end)]);
        const path = `/api/transfers/${transfer.id}/files/0?offset=${offset}`;
        const chunks = [offset / MIB, Math.ceil(end / MIB)];
        for (const said of await askTwice('PUT', path, bearer, body)) {
          expect(said).toMatchObject({ status: 200, body: { committed: [chunks] } });
        }
        // Both at once: one may be superseded by the other, which is no loss.
        const both = await Promise.all(world.nodes.slice(0, 2).map((node) => ask(node, 'PUT', path, bearer, body)));
        for (const { status } of both) expect(status).toBe(200);
      }
      const digest = await digestOf(file);
      for (const said of await askTwice('GET', `/api/transfers/${transfer.id}/status`, bearer)) {
        expect(said).toMatchObject({ status: 200, body: { state: 'sealed', generation: 1, files: [{ digest }] } });
      }
      for (const said of await askTwice(
        'PATCH',
        `/api/transfers/${transfer.id}`,
        json,
        JSON.stringify({ maxDownloads: 7 }),
      )) {
        expect(said).toMatchObject({ status: 200, body: { maxDownloads: 7, downloadCount: 0 } });
      }
      const password = JSON.stringify({ password: 'of it' });
      for (const said of await askTwice('POST', `/api/shares/${transfer.shareId}/grant`, json, password)) {
        expect(said.status).toBe(201);
      }
      for (const said of await askTwice('DELETE', `/api/transfers/${transfer.id}`, { cookie })) {
        expect(said).toEqual({ status: 204, body: null });
      }
      const { rows } = await world.pool.query('SELECT id, state, end_reason, generation FROM transfers');
      expect(rows).toEqual([{ id: transfer.id, state: 'ended', end_reason: 'deleted', generation: 1 }]);
      const basic = { authorization: `Basic ${Buffer.from(':of it').toString('base64')}` };
      for (const { url } of world.nodes) {
        expect((await fetch(`${url}/d/${transfer.shareId}`, { headers: basic })).status).toBe(410);
      }
      expect(await world.faultsFound()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'keep at most 64 MiB each for a slow reader at another node than the home',
    async () => {
      const file = { seed: 'slow', sizeBytes: 256 * MIB };
      const [home, gateway] = world.nodes as [WorldNode, WorldNode];
      const put = await fetch(`${home.url}/slow.bin`, {
        method: 'PUT',
        body: ReadableStream.from(piecesOf(file, 0, file.sizeBytes)),
        duplex: 'half',
        headers: { 'content-length': String(file.sizeBytes) },
      } as RequestInit);
      const { pathname } = new URL((await put.text()).split('\n')[0] ?? '');
      const shareId = pathname.split('/')[2] ?? '';
      const { rows } = await world.pool.query<{ id: string }>('SELECT id FROM transfers WHERE share_id = $1', [
        shareId,
      ]);
      await world.inSync(rows[0]?.id ?? '');
      // One quick reader first: what a download costs once is not what a slow one costs more.
      expect((await (await fetch(`${gateway.url}${pathname}`)).arrayBuffer()).byteLength).toBe(file.sizeBytes);
      const before = world.nodes.map(residentBytes);
      const answer = await fetch(`${gateway.url}${pathname}`);
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      let most = 0;
      for (let second = 1; second <= SLOW_SECONDS; second += 1) {
        for (let taken = 0; taken < SLOW_BYTES_PER_SECOND; ) taken += (await reader.read()).value?.length ?? Infinity;
        await delay(1_000);
        most = Math.max(most, ...world.nodes.map((node, index) => residentBytes(node) - (before[index] ?? 0)));
      }
      await reader.cancel();
      expect(most).toBeLessThanOrEqual(MOST_GROWTH_BYTES);
    },
    TEST_MS,
  );
});
