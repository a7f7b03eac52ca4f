import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import type { SessionResponse, VersionResponse } from '../../../services/contracts/http.ts';
import { KIB, MIB } from '../../../services/contracts/limits.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { b3sum, patternBytes } from '../../support/files.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { begin, open, put, rawConnection, statusOf } from '../transfer/client.ts';
import { ask, askJson } from './edge-client.ts';

/** Several chunks, the last of them short. */
const BYTES = patternBytes('kernels', 0, 8 * MIB + 3);
const HOUR_MS = 3_600_000;
let digest = '';

beforeAll(async () => {
  const path = join(tempDirectory('kernels'), 'file');
  writeFileSync(path, BYTES);
  digest = await b3sum(path);
});

const startedWith = async (env: Readonly<Record<string, string>>, isPageNeeded = false): Promise<TestServer> => {
  const server = await startServer({ env, isPageNeeded });
  atEnd(() => server.kill9());
  return server;
};
const nativeOf = async ({ url }: TestServer) => (await ask(url, '/version')).json<VersionResponse>().native;

/** What it says of a file that it took: the BLAKE3 in the head of its answer. */
async function digestBy({ url }: TestServer): Promise<unknown> {
  const sent = await ask(url, '/kernels.bin', { method: 'PUT', body: BYTES });
  const head = await ask(url, new URL(sent.body.trim()).pathname, { method: 'HEAD' });
  expect([sent.status, head.headers['content-length']]).toEqual([201, String(BYTES.length)]);
  return head.headers['x-blake3'];
}

/** How the page's style sheet, which is long, comes to a browser that takes it compressed. */
async function styleOf({ url }: TestServer) {
  const [path = '/nothing'] =
    /\/assets\/[\w.-]+\.css/.exec((await ask(url, '/', { headers: { Accept: 'text/html' } })).body) ?? [];
  const answer = await ask(url, path, { headers: { 'Accept-Encoding': 'br, gzip' } });
  return { type: answer.headers['content-type'], encoding: answer.headers['content-encoding'] };
}

describe('a process whose settings are no defaults', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startedWith(
      {
        TTL_CLIENT_SESSION: '2h',
        TTL_SHARE_SESSION: '7h',
        MAX_FILESIZE: '20GiB',
        CHUNK_SIZE: '64KiB',
        ACK_TIMEOUT_MS: '1234',
        MAX_RETRIES: '7',
        MAX_CONCURRENT_UPLOADS: '3',
        MAX_CONCURRENT_TRANSFERS: '9',
        USE_NATIVE_ADDON: 'false',
        ENABLE_COMPRESSION: 'false',
      },
      true,
    );
  }, 240_000);
  const hoursUntil = (at: string) => Math.round((Date.parse(at) - Date.now()) / HOUR_MS);

  it('tells pages the limits, and gives sessions and links the lives, that were set', async () => {
    const { session, limits } = (await askJson(server.url, 'POST', '/api/session', {})).json<SessionResponse>();
    expect(hoursUntil(session.expiresAt)).toBe(2);
    expect(limits).toMatchObject({ ackTimeoutMs: 1_234, maxRetries: 7, maxConcurrentUploads: 3 });
    expect(limits).toMatchObject({ maxConcurrentTransfers: 9, defaultExpirySeconds: 25_200 });
    const { transfer } = (await open(server, [{ sizeBytes: MIB }], { chunkSizeBytes: 16 * KIB })).answer;
    expect(hoursUntil(transfer.expiresAt)).toBe(7);
    expect(transfer.files[0]).toMatchObject({ chunkSizeBytes: 64 * KIB });
  });

  it('says in its log which setting may be misspelt', () => {
    const said = /^.*may be misspelt.*$/m.exec(server.log())?.[0] ?? '{}';
    expect(JSON.parse(said)).toMatchObject({ level: 'warn', found: 'MAX_FILESIZE', meant: 'MAX_FILE_SIZE' });
  });

  it('sends its page uncompressed, where that was set', async () => {
    expect(await styleOf(server)).toEqual({ type: 'text/css; charset=utf-8', encoding: undefined });
  });

  it('runs on the fallback when the addon is not to be used, with the same digests', async () => {
    expect(await nativeOf(server)).toMatchObject({ implementation: 'fallback' });
    expect(await digestBy(server)).toBe(digest);
  }, 60_000);
});

describe('a process on which one transfer may move in each direction', () => {
  const CHUNK = 16 * KIB;
  const COUNT = 12;
  /** Far below the second after which a stream in which nothing moves holds no slot. */
  const STEP_MS = 80;
  const bytes = patternBytes('slots', 0, COUNT * CHUNK);
  const chunk = (index: number) => bytes.subarray(index * CHUNK, (index + 1) * CHUNK);
  let server: TestServer;
  beforeAll(async () => {
    const env = { MAX_CONCURRENT_UPLOADS: '1', MAX_CONCURRENT_DOWNLOADS: '1', ENABLE_COMPRESSION: 'true' };
    server = await startedWith({ ...env, CHUNK_SIZE: '16KiB' }, true);
  }, 240_000);

  const opened = (count: number) => open(server, [{ sizeBytes: count * CHUNK }], { chunkSizeBytes: CHUNK });
  const committedOf = async (of: Awaited<ReturnType<typeof opened>>) =>
    (await statusOf(server, of)).files[0]?.committed;
  /** Says whether it has come yet. */
  function watched<T>(promise: Promise<T>) {
    const found = { promise, isThere: false };
    promise.then(
      () => {
        found.isThere = true;
      },
      () => {},
    );
    return found;
  }

  it('has another upload wait while one moves, which may have more streams than one', async () => {
    const [first, next] = [await opened(2), await opened(1)];
    const held = await rawConnection(server);
    held.socket.write(
      `PUT /api/transfers/${first.id}/files/0?offset=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n` +
        `Authorization: Bearer ${first.token}\r\nContent-Length: ${CHUNK}\r\n\r\n`,
    );
    held.socket.write(chunk(0).subarray(0, KIB));
    await waitFor('the first one moves', 5_000, async () =>
      /^peerlink_uploads_active 1$/m.test((await ask(server.url, '/metrics')).body),
    );
    const waiting = watched(put(server, next, 0, 0, chunk(0)));
    let sentBytes = KIB;
    for await (const _ of every(STEP_MS)) {
      held.socket.write(chunk(0).subarray(sentBytes, sentBytes + KIB));
      sentBytes += KIB;
      if (sentBytes === CHUNK / 2) expect((await put(server, first, 0, CHUNK, chunk(1))).status).toBe(200);
      expect([waiting.isThere, await committedOf(next)]).toEqual([false, []]);
      if (sentBytes === CHUNK) break;
    }
    expect((await waiting.promise).status).toBe(200);
    await held.closed;
    expect(held.text()).toMatch(/^HTTP\/1.1 200 /);
  });

  it('has another download wait while one moves', async () => {
    const [growing, whole] = [await opened(COUNT), await opened(1)];
    for (const one of [growing, whole]) expect((await put(server, one, 0, 0, chunk(0))).status).toBe(200);
    const first = await begin(`${growing.share}/0/file-0.bin`, 'GET');
    const parts: Buffer[] = [];
    first.on('data', (part: Buffer) => parts.push(part));
    const waiting = watched(begin(`${whole.share}/0/file-0.bin`, 'GET'));
    let index = 1;
    for await (const _ of every(STEP_MS)) {
      expect(waiting.isThere).toBe(false);
      expect((await put(server, growing, 0, index * CHUNK, chunk(index))).status).toBe(200);
      index += 1;
      if (index === COUNT) break;
    }
    const next = await waiting.promise;
    expect(next.statusCode).toBe(200);
    next.resume();
    await waitFor('the first one is whole', 5_000, () => first.complete);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('sends its page compressed', async () => {
    expect(await styleOf(server)).toEqual({ type: 'text/css; charset=utf-8', encoding: 'br' });
  });
});

describe('a process on a kernel that was asked for', () => {
  it.each(loadNetIo({ useNative: true }).kernels().available)(
    'names %s, and gives a file the digest that b3sum gives it',
    async (kernel) => {
      const server = await startedWith({ PEERLINK_NATIVE_KERNEL: kernel });
      expect(await nativeOf(server)).toMatchObject({ implementation: 'native', kernel });
      expect(await digestBy(server)).toBe(digest);
      await server.kill9();
    },
    120_000,
  );
});
