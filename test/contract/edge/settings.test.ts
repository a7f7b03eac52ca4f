import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import type { SessionResponse, VersionResponse } from '../../../services/contracts/http.ts';
import { KIB, MIB } from '../../../services/contracts/limits.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { b3sum, patternBytes } from '../../support/files.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { open } from '../transfer/client.ts';
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

const startedWith = async (env: Readonly<Record<string, string>>): Promise<TestServer> => {
  const server = await startServer({ env });
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

describe('a process whose settings are no defaults', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startedWith({
      TTL_CLIENT_SESSION: '2h',
      TTL_SHARE_SESSION: '7h',
      CHUNK_SIZE: '64KiB',
      ACK_TIMEOUT_MS: '1234',
      MAX_RETRIES: '7',
      MAX_CONCURRENT_UPLOADS: '3',
      MAX_CONCURRENT_TRANSFERS: '9',
      USE_NATIVE_ADDON: 'false',
    });
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

  it('runs on the fallback when the addon is not to be used, with the same digests', async () => {
    expect(await nativeOf(server)).toMatchObject({ implementation: 'fallback' });
    expect(await digestBy(server)).toBe(digest);
  }, 60_000);
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
