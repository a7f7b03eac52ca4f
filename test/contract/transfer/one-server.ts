import { beforeAll } from '@jest/globals';
import { KIB } from '../../../services/contracts/limits.ts';
import { atEnd } from '../../support/cleanup.ts';
import type { TestServer } from '../../support/server.ts';
import { type Opened, startRoomyServer } from './client.ts';

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
