import { beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../support/waiting.ts';
import { open, type RawConnection, rawConnection, statusOf } from './client.ts';
import { CHUNK, putHead, SMALL, theServer } from './one-server.ts';
import './uploads.suite.ts';
import './bad-uploads.suite.ts';
import './downloads.suite.ts';
import './limited-shares.suite.ts';

/** Uploads and downloads of one server. A connection that stands still meanwhile costs no time of its own. */

let slow: { readonly opened: Awaited<ReturnType<typeof open>>; readonly connection: RawConnection };
let slowSinceMs: number;
beforeAll(async () => {
  const opened = await open(theServer(), [{ sizeBytes: 3 * CHUNK }], SMALL);
  const connection = await rawConnection(theServer());
  // One chunk, and a byte of the next; then nothing more.
  connection.socket.write(Buffer.concat([Buffer.from(putHead(opened, 3 * CHUNK)), Buffer.alloc(CHUNK + 1)]));
  slow = { opened, connection };
  slowSinceMs = performance.now();
});

describe('a slow connection', () => {
  it('is cut after 30 s without a byte, with its progress kept', async () => {
    const { opened, connection } = slow;
    if (performance.now() - slowSinceMs < 28_000) expect(connection.text()).toBe('');
    await waitFor('the cut', 45_000, () => connection.text().includes('\r\n\r\n'));
    expect(connection.text()).toMatch(/^HTTP\/1\.1 408 /);
    expect(connection.text()).toContain('request_timeout');
    expect(connection.text()).toContain('"committed":[[0,1]]');
    await connection.closed;
    expect((await statusOf(theServer(), opened)).files[0]?.committed).toEqual([[0, 1]]);
  }, 60_000);
});
