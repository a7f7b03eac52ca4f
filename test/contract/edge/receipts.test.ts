import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { OwnedTransfer } from '../../../services/contracts/http.ts';
import { newRoom, personAt, type TestPerson } from '../../support/people.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';

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

describe('a direct send', () => {
  it('is counted, by what becomes of each offer', async () => {
    const room = await newRoom(server);
    const [anna, ben, cleo, dan] = [
      await personAt(server, 'Anna', room),
      await personAt(server, 'Ben', room),
      await personAt(server, 'Cleo', room),
      await personAt(server, 'Dan', room),
    ];
    people.push(anna, ben, cleo, dan);
    const counts = async () => {
      const lines = (await (await fetch(`${server.url}/metrics`)).text()).split('\n').map((line) => line.split(' '));
      const of = (name: string) => Number(lines.find(([found]) => found === name)?.[1]);
      const outcomes = ['offered', 'accepted', 'declined', 'expired', 'cancelled', 'received', 'left'];
      const offers = outcomes.map((outcome) => of(`peerlink_direct_offers_total{outcome="${outcome}"}`));
      return [
        ...offers,
        ...['direct_bytes_total', 'texts_total', 'direct_sends_open'].map((name) => of(`peerlink_${name}`)),
      ];
    };
    const opened = await anna.open({
      to: [ben.id, cleo.id, dan.id],
      files: [
        { path: 'empty', sizeBytes: 0 },
        { path: 'a.bin', sizeBytes: 1_000 },
      ],
    });
    const { id, shareId } = opened.transfer;
    const { grant } = await ben.accept(id);
    await ben.accept(id);
    for (let times = 0; times < 2; times += 1) expect((await cleo.decline(id)).status).toBe(204);
    const put = await fetch(`${server.url}/api/transfers/${id}/files/1?offset=0`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${opened.uploadToken}` },
      body: randomBytes(1_000),
    });
    expect(put.status).toBe(200);
    for (const path of ['1', '0', '1']) await (await ben.get(`/d/${shareId}/${path}`, grant)).arrayBuffer();
    expect((await anna.ask('POST', '/api/texts', { to: [ben.id, dan.id], text: 'Hello' })).status).toBe(201);
    await waitFor('it is one that runs', 10_000, async () => (await counts()).at(-1) === 1);
    for (let times = 0; times < 2; times += 1) await anna.ask('DELETE', `/api/transfers/${id}`);
    // Three were offered it; one accepted and has all of it, one declined, one had not answered when it was cancelled.
    expect((await counts()).slice(0, -1)).toEqual([3, 1, 1, 0, 1, 1, 0, 2_000, 1]);
    await waitFor('none runs', 10_000, async () => (await counts()).at(-1) === 0);
  }, 60_000);
});

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
      const kills: Promise<void>[] = [];
      const readBytes = await readToLastByte(pathOf(shareId), grant, () => {
        kills.push(server.kill9());
      });
      await Promise.all(kills);
      expect(readBytes).toBeGreaterThanOrEqual(FILE_BYTES);
      expect(kills).toHaveLength(1);
      server = await startServer({ dataDirectory: server.dataDirectory, port: server.port });
      const seen = (await anna.ask('GET', `/api/transfers/${id}`)).body as OwnedTransfer;
      expect(seen.recipients).toMatchObject([{ id: ben.id, state: 'received', receivedBytes: FILE_BYTES }]);
    },
    60_000,
  );
});
