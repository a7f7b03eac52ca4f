import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor, within } from '../support/waiting.ts';
import { Downloader } from './clients/downloader.ts';
import { BarrierPace } from './clients/pace.ts';
import { digestOf, type PatternFile, piecesOf } from './clients/pattern.ts';
import { Uploader } from './clients/uploader.ts';
import { type FaultWorld, startWorld, type WorldNode } from './world/fault-world.ts';
import { PLAN } from './world/plan.ts';
import { report } from './world/report.ts';

const MIB = 1024 * 1024;
/** "Whatever must change a row gets 503 with Retry-After within 2 s." */
const REFUSED_WITHIN_MS = 2_000;
/** "Whole again 5 s after." */
const WHOLE_AGAIN_MS = 5_000;
const TEST_MS = 120_000 + 2 * PLAN.outageMs;
const SMALL: PatternFile = { seed: 'small', sizeBytes: 3 * MIB };

let world: FaultWorld;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly ms: number;
  readonly text: string;
}

async function ask(node: WorldNode, path: string, init: RequestInit = {}): Promise<Answer> {
  const beginMs = performance.now();
  const answer = await fetch(`${node.url}${path}`, { ...init, signal: AbortSignal.timeout(20_000) });
  const text = await answer.text();
  return {
    status: answer.status,
    retryAfter: answer.headers.get('retry-after'),
    ms: performance.now() - beginMs,
    text,
  };
}

const json = (node: WorldNode, method: string, body?: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { origin: node.url, 'content-type': 'application/json', ...headers },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

function expectRefusedInTime(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(Number(answer.retryAfter)).toBeGreaterThan(0);
  expect(answer.ms).toBeLessThanOrEqual(REFUSED_WITHIN_MS);
}

/** A transfer opened at a node, with its upload token. */
async function open(node: WorldNode, file: PatternFile, more: Record<string, unknown> = {}) {
  const body = { files: [{ path: 'x.bin', sizeBytes: file.sizeBytes }], ...more };
  const answer = await ask(
    node,
    '/api/transfers',
    json(node, 'POST', body, { cookie: await world.cookie('database') }),
  );
  expect(answer.status).toBe(201);
  const { transfer, uploadToken } = JSON.parse(answer.text) as {
    transfer: { id: string; shareId: string };
    uploadToken: string;
  };
  return { transferId: transfer.id, shareId: transfer.shareId, uploadToken };
}

function put(
  node: WorldNode,
  opened: { transferId: string; uploadToken: string },
  file: PatternFile,
  from: number,
  to: number,
) {
  return ask(node, `/api/transfers/${opened.transferId}/files/0?offset=${from}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${opened.uploadToken}` },
    body: Buffer.concat([...piecesOf(file, from, to)]),
  });
}

/** A share that is sealed, held twice, and known to every node. */
async function knownShare(file: PatternFile, more: Record<string, unknown> = {}) {
  const node = world.random.pick(world.nodes);
  const opened = await open(node, file, more);
  expect((await put(node, opened, file, 0, file.sizeBytes)).status).toBe(200);
  // One that is soon over may be over before its second copy is there.
  if (more.expiresInSeconds === undefined) await world.inSync(opened.transferId);
  for (const { url } of world.nodes) {
    expect((await fetch(`${url}/api/shares/${opened.shareId}`)).status).toBe(200);
  }
  return opened;
}

async function expectServedEverywhere(shareId: string, file: PatternFile, when: string): Promise<void> {
  for (const node of world.nodes) {
    const name = `${when} at ${node.name}`;
    const reader = new Downloader({ name, file, shareId, ring: world.ring(node), history: world.history });
    expect(await reader.receive()).toBe(await digestOf(file));
  }
}

/** A download of a limited share that is read as far as is asked for. */
async function readInParts(node: WorldNode, shareId: string) {
  const answer = await fetch(`${node.url}/d/${shareId}`);
  expect(answer.headers.get('set-cookie')).toMatch(/^pl_lease=/);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const parts: Uint8Array[] = [];
  let readBytes = 0;
  return {
    cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '',
    /** Resolves to all that was read. */
    to: async (bytes: number): Promise<Buffer> => {
      while (readBytes < bytes) {
        const { done, value } = await within('the download goes on', 20_000, reader.read());
        if (done) break;
        parts.push(value);
        readBytes += value.length;
      }
      return Buffer.concat(parts);
    },
  };
}

/** Waits until every node takes and seals a new transfer; within 5 s of `sinceMs`. */
async function expectWholeAgain(sinceMs: number): Promise<number> {
  await Promise.all(
    world.nodes.map((node, index) =>
      waitFor(`${node.name} takes transfers again`, WHOLE_AGAIN_MS, async () => {
        const answer = await ask(node, `/whole-again-${index}.bin`, { method: 'PUT', body: Buffer.alloc(1000, index) });
        return answer.status === 201;
      }),
    ),
  );
  const ms = performance.now() - sinceMs;
  expect(ms).toBeLessThanOrEqual(WHOLE_AGAIN_MS);
  return ms;
}

describe('while clients send and receive, PostgreSQL', () => {
  beforeAll(async () => {
    world = await startWorld('PostgreSQL outages', { nodes: 3 });
  }, 120_000);

  afterEach(async () => {
    world.postgres.thaw();
    await world.keepEvidence();
  });

  it(
    'is killed and restarted: uploads and downloads go on, everything is whole again within 5 s',
    async () => {
      const { history } = world;
      const home = world.random.pick(world.nodes);
      const [gateway] = world.others(home) as [WorldNode];
      const half = PLAN.sizeBytes / 2;
      const share = await knownShare(SMALL);
      // A second or more: the restart is to fall into it.
      const pace = new BarrierPace(Math.min(60 * MIB, half), half);
      const file = { seed: 'over a restart', sizeBytes: PLAN.sizeBytes };
      const cookie = await world.cookie('database');
      const sender = new Uploader({
        name: 'sender',
        file,
        ring: world.ring(gateway),
        history,
        cookie,
        pace,
        runBytes: 2 * MIB,
      });
      const { transferId, shareId } = await sender.open();
      const sending = sender.send();
      await waitFor('the upload is at half', 60_000, () => pace.isAtBarrier);
      await world.inSync(transferId);
      const reader = new Downloader({ name: 'reader', file, shareId, ring: world.ring(home), history });
      const receiving = reader.receive();
      await waitFor('the download has begun', 30_000, () => reader.receivedBytes > 0);
      pace.lift();
      await world.postgres.crashAndRestart();
      const wholeAfterMs = await expectWholeAgain(performance.now());
      expect(await sending).toBe(await digestOf(file));
      expect(await receiving).toBe(await digestOf(file));
      await expectServedEverywhere(share.shareId, SMALL, 'after the restart');
      report({ fault: 'PostgreSQL restarted', run: 1, wholeAfterMs });
      expect(await world.faultsFound()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    `is frozen for ${PLAN.outageMs / 1000} s: promise 6 to the letter`,
    async () => {
      const [first, second, third] = world.nodes as [WorldNode, WorldNode, WorldNode];
      const share = await knownShare(SMALL);
      const long = { seed: 'limited', sizeBytes: 64 * MIB };
      const limited = await knownShare(long, { maxDownloads: 5 });
      const underLease = await readInParts(second, limited.shareId);
      await underLease.to(MIB);
      const growing = { seed: 'growing', sizeBytes: 8 * MIB };
      const opened = await open(first, growing);
      expect((await put(first, opened, growing, 0, 2 * MIB)).status).toBe(200);
      await world.inSync(opened.transferId);
      const home = world.byId((await world.ownership(opened.transferId)).home);
      const [other] = world.others(home) as [WorldNode];
      // It also learns who may write there.
      expect((await put(other, opened, growing, 2 * MIB, 3 * MIB)).status).toBe(200);
      const short = await knownShare(SMALL, { expiresInSeconds: 5 });

      world.postgres.freeze();
      const frozenAtMs = performance.now();
      await expectServedEverywhere(share.shareId, SMALL, 'frozen');
      expect((await put(home, opened, growing, 3 * MIB, 5 * MIB)).status).toBe(200);
      expect((await put(other, opened, growing, 5 * MIB, 7 * MIB)).status).toBe(200);
      // A lease already given is enough for all but the last chunk, before which the download is counted; the system's
      // buffers take some megabytes of what is not read yet.
      await underLease.to(long.sizeBytes / 2);
      // A new request under it begins as well, on the node that knows it.
      const range = `bytes=${3 * MIB}-${4 * MIB - 1}`;
      const again = await fetch(`${second.url}/d/${limited.shareId}`, {
        headers: { cookie: underLease.cookie, range },
      });
      expect(again.status).toBe(206);
      expect(Buffer.from(await again.arrayBuffer()).equals(Buffer.concat([...piecesOf(long, 3 * MIB, 4 * MIB)]))).toBe(
        true,
      );
      const cookie = await world.cookie('database');
      const refused = await Promise.all([
        ask(first, '/api/transfers', json(first, 'POST', { files: [{ path: 'y', sizeBytes: 5 }] }, { cookie })),
        ask(second, '/y.bin', { method: 'PUT', body: 'hello' }),
        ask(third, `/api/transfers/${opened.transferId}`, json(third, 'PATCH', { expiresInSeconds: 600 }, { cookie })),
        ask(third, `/api/transfers/${share.transferId}`, json(third, 'DELETE', undefined, { cookie })),
        ask(third, `/d/${limited.shareId}`),
      ]);
      for (const answer of refused) expectRefusedInTime(answer);
      await delay(Math.max(0, PLAN.outageMs - (performance.now() - frozenAtMs)));
      // "Never past their expiry."
      for (const node of world.nodes) expect((await ask(node, `/d/${short.shareId}`)).status).toBe(410);
      for (const node of world.nodes) expect((await ask(node, '/healthz')).status).toBe(200);
      world.postgres.thaw();
      const wholeAfterMs = await expectWholeAgain(performance.now());
      const rest = await underLease.to(Number.POSITIVE_INFINITY);
      expect(rest.equals(Buffer.concat([...piecesOf(long, 0, long.sizeBytes)]))).toBe(true);
      expect((await put(third, opened, growing, 7 * MIB, 8 * MIB)).status).toBe(200);
      await expectServedEverywhere(opened.shareId, growing, 'thawed');
      report({
        fault: 'PostgreSQL frozen',
        run: 1,
        wholeAfterMs,
        refusedAfterMs: refused.map(({ ms }) => Math.round(ms)),
      });
      expect(await world.faultsFound()).toEqual([]);
    },
    TEST_MS,
  );
});
