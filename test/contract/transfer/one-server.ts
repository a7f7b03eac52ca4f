import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { beforeAll } from '@jest/globals';
import { KIB } from '../../../services/contracts/limits.ts';
import { atEnd } from '../../support/cleanup.ts';
import type { TestServer } from '../../support/server.ts';
import { type Opened, open, putOk, startRoomyServer } from './client.ts';

/** The server of all suites that a test file imports: a start takes two seconds of a core. */
let server: TestServer | null = null;
beforeAll(async () => {
  const started = await startRoomyServer({ env: { MAX_FILE_SIZE: '64MiB' } });
  atEnd(() => started.kill9());
  server = started;
}, 240_000);

export function theServer(): TestServer {
  if (server === null) throw new Error('the server runs while tests do');
  return server;
}

/** Small chunks, so that little bytes make many. */
export const CHUNK = 16 * KIB;
export const SMALL = { chunkSizeBytes: CHUNK };

/** The head of a PUT of file 0 from its beginning, for a connection on which a test writes what it likes. */
export function putHead(opened: Pick<Opened, 'id' | 'token'>, length: number | string, more = ''): string {
  return (
    `PUT /api/transfers/${opened.id}/files/0?offset=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${opened.token}\r\n` +
    `Content-Length: ${length}\r\n${more}\r\n`
  );
}

/** A sealed share of one file. */
export async function share(content: Buffer, more: object = {}, path = 'file.bin'): Promise<Opened> {
  const opened = await open(theServer(), [{ sizeBytes: content.length, path }], { ...SMALL, ...more });
  if (content.length > 0) await putOk(theServer(), opened, 0, 0, content);
  return opened;
}

/** Reads on until so many bytes are there. */
export async function take(response: IncomingMessage, sizeBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let have = 0;
  while (have < sizeBytes) {
    const part = response.read() as Buffer | null;
    if (part === null) {
      await once(response, 'readable');
      continue;
    }
    parts.push(part);
    have += part.length;
  }
  return Buffer.concat(parts);
}

/** What a problem says beside its type, such as `committed`. */
export const dataOf = (answer: { json<T>(): T }) => answer.json<{ data?: Record<string, unknown> }>().data;
