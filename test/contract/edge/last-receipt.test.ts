import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { OwnedTransfer } from '../../../services/contracts/http.ts';
import { newRoom, personAt, type TestPerson } from '../../support/people.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const FILE_BYTES = 3 * 1024 ** 2 + 17;
const people: TestPerson[] = [];
let server: TestServer;
beforeAll(async () => {
  server = await startServer();
}, 240_000);
afterEach(() => {
  for (const person of people.splice(0)) person.disconnect();
});

/** Reads a path to its end, and calls back within the event that brought the last byte. */
function readToLastByte(path: string, grant: string, onLast: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${server.url}${path}`, { headers: { cookie: `pl_grant=${grant}` } }, (answer) => {
      const wanted = Number(answer.headers['content-length']);
      let readBytes = 0;
      answer.on('data', (bytes: Buffer) => {
        readBytes += bytes.length;
        if (readBytes === wanted) onLast();
      });
      answer.on('close', () => resolve(readBytes));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('a recipient who has the last byte', () => {
  it.each([
    ['of a file', (shareId: string) => `/d/${shareId}/0/a.bin`],
    ['of a zip', (shareId: string) => `/d/${shareId}/zip`],
  ])(
    '%s has received it all, also when the node is killed at that moment',
    async (_, pathOf) => {
      const room = await newRoom(server);
      const [anna, ben] = [await personAt(server, 'Anna', room), await personAt(server, 'Ben', room)];
      people.push(anna, ben);
      const opened = await anna.open({ to: [ben.id], files: [{ path: 'a.bin', sizeBytes: FILE_BYTES }] });
      const { id, shareId } = opened.transfer;
      const { grant } = await ben.accept(id);
      const put = await fetch(`${server.url}/api/transfers/${id}/files/0?offset=0`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${opened.uploadToken}` },
        body: randomBytes(FILE_BYTES),
      });
      expect(put.status).toBe(200);
      let killed: Promise<void> | null = null;
      const readBytes = await readToLastByte(pathOf(shareId), grant, () => {
        killed = server.kill9();
      });
      await killed;
      expect(readBytes).toBeGreaterThanOrEqual(FILE_BYTES);
      expect(killed).not.toBeNull();
      server = await startServer({ dataDirectory: server.dataDirectory, port: server.port });
      const seen = (await anna.ask('GET', `/api/transfers/${id}`)).body as OwnedTransfer;
      expect(seen.recipients).toMatchObject([{ id: ben.id, state: 'received', receivedBytes: FILE_BYTES }]);
    },
    60_000,
  );
});
