import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenTransferResponse, OwnedTransfer, ShareResponse } from '../../../services/contracts/http.ts';
import { MAX_INBOX_ITEMS, MAX_TEXT_BYTES, MIB } from '../../../services/contracts/limits.ts';
import type { Inbox } from '../../../services/contracts/people.ts';
import { newRoom, personAt, type TestPerson } from '../../support/people.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { sendRaw } from './edge-client.ts';

const CHUNK = 65_536;
let server: TestServer;
let room: string;
const people: TestPerson[] = [];

beforeAll(async () => {
  server = await startServer({
    env: {
      MAX_CONCURRENT_TRANSFERS: '1000',
      RATE_LIMIT_UPLOADS_PER_MINUTE: '100000',
      RATE_LIMIT_DOWNLOADS_PER_MINUTE: '100000',
      RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: '100000',
    },
  });
  room = await newRoom(server);
}, 240_000);
afterEach(() => {
  for (const person of people.splice(0)) person.disconnect();
});

async function somebody(name: string, where = room): Promise<TestPerson> {
  const person = await personAt(server, name, where);
  people.push(person);
  return person;
}
const file = (sizeBytes: number, path = 'a.bin') => ({ path, sizeBytes });
const put = (opened: OpenTransferResponse, fileIndex: number, offset: number, bytes: Uint8Array) =>
  fetch(`${server.url}/api/transfers/${opened.transfer.id}/files/${fileIndex}?offset=${offset}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${opened.uploadToken}` },
    body: Buffer.from(bytes),
  });
const putOk = async (...args: Parameters<typeof put>) => expect((await put(...args)).status).toBe(200);
const stateOf = async (sender: TestPerson, id: string) =>
  (await sender.ask('GET', `/api/transfers/${id}`)).body as OwnedTransfer;
const storedFiles = () =>
  readdirSync(join(server.dataDirectory, 'node-0', 'files'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.bytes'),
  );
const ended = (sender: TestPerson, id: string) =>
  waitFor('the transfer ends', 10_000, async () => {
    const transfer = await stateOf(sender, id);
    return transfer.state === 'ended' ? transfer : null;
  });

describe('a direct send', () => {
  it('is offered with who and what, refuses chunks until somebody accepts, then takes them and ends when it is written', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const bytes = randomBytes(3 * CHUNK + 5);
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files: [file(bytes.length)] });
    const { id, shareId } = opened.transfer;
    expect(opened.transfer).toMatchObject({
      kind: 'direct',
      recipients: [{ id: ben.id, displayName: 'Ben', state: 'offered', receivedBytes: 0 }],
    });
    expect(await ben.offered(id)).toMatchObject({
      sender: { id: anna.id, displayName: 'Anna' },
      state: 'offered',
      fileCount: 1,
      totalBytes: bytes.length,
      files: [{ index: 0, path: 'a.bin', sizeBytes: bytes.length }],
      shareId: null,
    });
    const refused = await put(opened, 0, 0, bytes);
    expect([refused.status, ((await refused.json()) as { type: string }).type]).toEqual([
      409,
      'urn:peerlink:error:not_accepted',
    ]);

    await anna.tell('transfer.watch', { transferId: id, uploadToken: opened.uploadToken });
    await waitFor('the sender sees the recipients', 5_000, () => anna.recipientEvents.length > 0);
    const accepted = await ben.accept(id);
    expect(accepted.shareId).toBe(shareId);
    await waitFor('the sender sees the answer', 10_000, () =>
      anna.recipientEvents.at(-1)?.recipients.some(({ state }) => state === 'accepted'),
    );
    // A plain GET while the chunks arrive.
    const reading = ben.get(`/d/${shareId}/0/a.bin`, accepted.grant).then(async (answer) => ({
      status: answer.status,
      body: Buffer.from(await answer.arrayBuffer()),
    }));
    for (let at = 0; at < bytes.length; at += CHUNK) await putOk(opened, 0, at, bytes.subarray(at, at + CHUNK));
    const got = await reading;
    expect(got.status).toBe(200);
    expect(got.body.equals(bytes)).toBe(true);
    await waitFor('the sender sees that all was received', 10_000, () =>
      anna.recipientEvents
        .at(-1)
        ?.recipients.some(({ state, receivedBytes }) => state === 'received' && receivedBytes === bytes.length),
    );
    // Its socket took it; the page says that it is written, and nobody need come back.
    const written = await ben.ask('POST', `/api/offers/${id}/receipts`, { received: { 0: [[0, bytes.length]] } });
    expect(written.status).toBe(204);
    expect(await ended(anna, id)).toMatchObject({ endReason: 'delivered' });
    await waitFor('the recipient sees the end', 10_000, () => ben.offer(id)?.transferState === 'ended');
    expect((await ben.get(`/d/${shareId}/0/a.bin`, accepted.grant)).status).toBe(410);
    await waitFor('its bytes are gone from the disk', 5_000, () => storedFiles().length === 0);
  }, 60_000);

  it('is refused before a byte of the body is read', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files: [file(10 * MIB)] });
    const head = [
      `PUT /api/transfers/${opened.transfer.id}/files/0?offset=0 HTTP/1.1`,
      'Host: localhost',
      `Authorization: Bearer ${opened.uploadToken}`,
      `Content-Length: ${10 * MIB}`,
      '',
      '',
    ].join('\r\n');
    const { answer } = await sendRaw(server.port, head, undefined, (text) => text.includes('not_accepted'));
    expect(answer).toMatch(/^HTTP\/1\.1 409 /);
    expect(answer).toContain('not_accepted');
  }, 30_000);

  it('goes to several, whole, as a zip or by Range, and counts what each has', async () => {
    const [anna, ben, cleo, dan] = [
      await somebody('Anna'),
      await somebody('Ben'),
      await somebody('Cleo'),
      await somebody('Dan'),
    ];
    const [one, two] = [randomBytes(2 * CHUNK), randomBytes(CHUNK + 1)];
    const opened = await anna.open({
      chunkSizeBytes: CHUNK,
      to: [ben.id, cleo.id, dan.id],
      files: [file(one.length, 'x/1.bin'), file(two.length, 'x/2.bin'), file(0, 'x/empty')],
    });
    const { id, shareId } = opened.transfer;
    const [bens, cleos] = [await ben.accept(id), await cleo.accept(id)];
    expect((await dan.decline(id)).status).toBe(204);
    const zip = cleo.get(`/d/${shareId}/zip/x.zip`, cleos.grant).then((answer) => answer.arrayBuffer());
    await putOk(opened, 1, 0, two);
    await putOk(opened, 0, 0, one);
    const first = await ben.get(`/d/${shareId}/0/1.bin`, bens.grant, { range: `bytes=0-${CHUNK - 1}` });
    const rest = await ben.get(`/d/${shareId}/0/1.bin`, bens.grant, { range: `bytes=${CHUNK}-` });
    expect([first.status, rest.status]).toEqual([206, 206]);
    const got = Buffer.concat([Buffer.from(await first.arrayBuffer()), Buffer.from(await rest.arrayBuffer())]);
    expect(got.equals(one)).toBe(true);
    expect(Buffer.from(await zip).includes(two.subarray(0, 1000))).toBe(true);
    const recipients = await waitFor('both are counted', 5_000, async () => {
      const found = (await stateOf(anna, id)).recipients ?? [];
      return found[0]?.receivedBytes === one.length && found[1]?.state === 'received' ? found : null;
    });
    expect(recipients.map(({ displayName, state, receivedBytes }) => [displayName, state, receivedBytes])).toEqual([
      ['Ben', 'accepted', one.length],
      ['Cleo', 'received', one.length + two.length],
      ['Dan', 'declined', 0],
    ]);
    // Who leaves is waited for no longer, and what leaves no bytes behind is gone at once.
    expect((await ben.decline(id)).status).toBe(204);
    expect((await ben.get(`/d/${shareId}/1/2.bin`, bens.grant)).status).toBe(404);
    const written = { received: { 0: [[0, one.length]], 1: [[0, two.length]] } };
    expect((await cleo.ask('POST', `/api/offers/${id}/receipts`, written)).status).toBe(204);
    expect(await ended(anna, id)).toMatchObject({ endReason: 'delivered' });
  }, 60_000);

  it('is not received by who looked at the end of it, in whatever way it asks for that', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const bytes = randomBytes(2 * CHUNK);
    const files = [file(bytes.length, '1.bin'), file(bytes.length, '2.bin'), file(bytes.length, '3.bin')];
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files });
    const { id, shareId } = opened.transfer;
    const { grant } = await ben.accept(id);
    for (const index of files.keys()) await putOk(opened, index, 0, bytes);
    const take = async (index: number, range: string) =>
      (await ben.get(`/d/${shareId}/${index}`, grant, { range })).arrayBuffer();
    const last = `bytes=${bytes.length - 100}-`;
    await take(0, 'bytes=-100');
    await take(1, last);
    await take(2, 'bytes=0-99');
    await take(2, last);
    await waitFor('what was taken is counted', 5_000, async () => {
      const receivedBytes = (await stateOf(anna, id)).recipients?.[0]?.receivedBytes ?? 0;
      expect(receivedBytes).toBeLessThanOrEqual(400);
      return receivedBytes === 400;
    });
    expect((await stateOf(anna, id)).recipients?.[0]?.state).toBe('accepted');
    expect((await anna.ask('DELETE', `/api/transfers/${id}`)).status).toBe(204);
  }, 30_000);

  it('ends when everybody declined, and when its sender cancels, which running downloads hear within a second', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const unwanted = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files: [file(5)] });
    await ben.offered(unwanted.transfer.id);
    await ben.decline(unwanted.transfer.id);
    expect(await stateOf(anna, unwanted.transfer.id)).toMatchObject({ state: 'ended', endReason: 'declined' });
    expect((await ben.decline(unwanted.transfer.id)).status).toBe(204);
    expect((await ben.ask('POST', `/api/offers/${unwanted.transfer.id}/accept`)).type).toBe('ended');

    const cancelled = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files: [file(2 * CHUNK)] });
    const { id, shareId } = cancelled.transfer;
    const { grant } = await ben.accept(id);
    await putOk(cancelled, 0, 0, randomBytes(CHUNK));
    const answer = await ben.get(`/d/${shareId}/0/a.bin`, grant);
    const broken = answer.arrayBuffer().then(
      () => 'whole',
      () => 'broken',
    );
    expect((await anna.ask('DELETE', `/api/transfers/${id}`)).status).toBe(204);
    const startedMs = performance.now();
    await waitFor('the recipient hears of it', 1_500, () => ben.offer(id)?.endReason === 'deleted');
    expect(await broken).toBe('broken');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  }, 60_000);

  it('is cut off from a recipient who leaves, while another one goes on', async () => {
    const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
    const bytes = randomBytes(2 * CHUNK);
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id, cleo.id], files: [file(bytes.length)] });
    const { id, shareId } = opened.transfer;
    await anna.tell('transfer.watch', { transferId: id, uploadToken: opened.uploadToken });
    const [bens, cleos] = [await ben.accept(id), await cleo.accept(id)];
    await putOk(opened, 0, 0, bytes.subarray(0, CHUNK));
    const bensBody = ben.get(`/d/${shareId}/0/a.bin`, bens.grant).then((answer) => answer.arrayBuffer());
    const cleosBody = cleo.get(`/d/${shareId}/0/a.bin`, cleos.grant).then((answer) => answer.arrayBuffer());
    const bensEnd = bensBody.then(
      () => 'whole',
      () => 'broken',
    );
    await ben.decline(id);
    await waitFor('the sender sees who left', 10_000, () =>
      anna.recipientEvents.at(-1)?.recipients.some(({ state }) => state === 'left'),
    );
    expect(await bensEnd).toBe('broken');
    await putOk(opened, 0, CHUNK, bytes.subarray(CHUNK));
    expect(Buffer.from(await cleosBody).equals(bytes)).toBe(true);
  }, 60_000);

  it('is nothing to anybody else, by whatever address', async () => {
    const [anna, ben, eve] = [await somebody('Anna'), await somebody('Ben'), await somebody('Eve')];
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files: [file(5, 'secret.txt')] });
    const { id, shareId } = opened.transfer;
    const { grant, addressGrant } = await ben.accept(id);
    await putOk(opened, 0, 0, Buffer.from('hello'));
    const others = [
      eve.ask('POST', `/api/offers/${id}/accept`),
      eve.ask('POST', `/api/offers/${id}/decline`),
      eve.ask('POST', `/api/offers/${id}/receipts`, { received: { 0: [[0, 5]] } }),
      eve.ask('GET', `/api/shares/${shareId}`),
      eve.ask('GET', `/d/${shareId}/0/secret.txt`),
      eve.ask('GET', `/d/${shareId}/zip`),
      eve.ask('GET', `/d/${shareId}/0?grant=${grant}`),
      eve.ask('GET', `/d/${shareId}`, undefined, { 'user-agent': 'curl/8' }),
      eve.ask('POST', `/api/shares/${shareId}/grant`, { password: 'x' }),
      eve.ask('DELETE', `/api/transfers/${id}`),
    ];
    for (const answer of await Promise.all(others)) expect([answer.status, answer.type]).toEqual([404, 'not_found']);
    const forged = grant.replace(ben.id, eve.id);
    expect((await eve.get(`/d/${shareId}/0/secret.txt`, forged)).status).toBe(404);
    const preview = await fetch(`${server.url}/d/${shareId}`, { headers: { 'user-agent': 'Slackbot 1.0' } });
    expect(await preview.text()).not.toContain('secret');

    const views = [await anna.ask('GET', `/api/shares/${shareId}`), await ben.ask('GET', `/api/shares/${shareId}`)];
    for (const view of views) expect((view.body as ShareResponse).files[0]?.path).toBe('secret.txt');
    await ben.tell('transfer.watch', { shareId });
    await expect(eve.tell('transfer.watch', { shareId })).rejects.toThrow('not_found');
    expect(await (await fetch(`${server.url}/d/${shareId}/0?grant=${addressGrant}`)).text()).toBe('hello');
    expect((await ben.ask('POST', `/api/offers/${id}/accept`)).status).toBe(200);
  }, 60_000);

  it('is opened once under a key', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const request = { to: [ben.id], files: [file(5)] };
    const first = await anna.open(request, 'key-1');
    const again = await anna.open(request, 'key-1');
    expect(again.transfer.id).toBe(first.transfer.id);
    await ben.offered(first.transfer.id);
    expect(ben.inbox.items).toHaveLength(1);
  }, 30_000);

  it('refuses what makes no sense, each by its type', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const away = await somebody('Away', await newRoom(server));
    const files = [file(5)];
    const ask = (value: object, who = anna) => who.ask('POST', '/api/transfers', { kind: 'direct', files, ...value });
    const many = Array.from({ length: 21 }, (_, index) => `person-${index}`);
    const cases: [string, object, string][] = [
      ['nobody', {}, 'bad_request'],
      ['an empty list', { to: [] }, 'bad_request'],
      ['21 people', { to: many }, 'bad_request'],
      ['somebody twice', { to: [ben.id, ben.id] }, 'bad_request'],
      ['oneself', { to: [anna.id] }, 'bad_request'],
      ['no list', { to: ben.id }, 'bad_request'],
      ['numbers', { to: [1] }, 'bad_request'],
      ['a password', { to: [ben.id], password: 'x' }, 'bad_request'],
      ['a limit', { to: [ben.id], maxDownloads: 1 }, 'bad_request'],
      ['a share to somebody', { to: [ben.id], kind: 'share' }, 'bad_request'],
      ['a name of bidi controls', { to: [ben.id], files: [file(5, 'a\u202egpj.exe')] }, 'bad_name'],
      ['somebody of another room', { to: [away.id] }, 'forbidden'],
      ['one of them of another room', { to: [ben.id, away.id] }, 'forbidden'],
      ['somebody who does not exist', { to: ['nobodynobodynobody'] }, 'forbidden'],
    ];
    for (const [what, value, type] of cases) expect([what, (await ask(value)).type]).toEqual([what, type]);
    expect(ben.inbox.items).toEqual([]);
    const stranger = await fetch(`${server.url}/api/transfers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'direct', to: [ben.id], files }),
    });
    expect(stranger.status).toBe(401);
    const opened = await anna.open({ chunkSizeBytes: CHUNK, to: [ben.id], files });
    const change = await anna.ask('PATCH', `/api/transfers/${opened.transfer.id}`, { maxDownloads: 3 });
    expect(change.type).toBe('bad_request');
    const early = await ben.ask('POST', `/api/offers/${opened.transfer.id}/receipts`, { received: {} });
    expect(early.type).toBe('not_found');
    await ben.accept(opened.transfer.id);
    const receipts = (received: unknown) => ben.ask('POST', `/api/offers/${opened.transfer.id}/receipts`, { received });
    expect((await receipts({ 0: [[0, 6]] })).type).toBe('bad_request');
    expect((await receipts({ 0: [[-1, 2]] })).type).toBe('bad_request');
    expect((await receipts({ 0: [[2, 1]] })).type).toBe('bad_request');
    expect((await receipts({ 9: [[0, 1]] })).type).toBe('not_found');
    expect((await receipts({ x: [[0, 1]] })).type).toBe('bad_request');
    expect((await receipts({ 0: [[0, 1]], '00': [[1, 2]] })).type).toBe('bad_request');
    // What is not committed cannot have been written.
    expect((await receipts({ 0: [[0, 5]] })).status).toBe(204);
    expect((await stateOf(anna, opened.transfer.id)).recipients?.[0]).toMatchObject({
      state: 'accepted',
      receivedBytes: 0,
    });
  }, 60_000);

  it('refuses the next one when so many are not answered, whoever sends them and whoever they are for', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const cleo = await somebody('Cleo');
    const asked = Array.from({ length: MAX_INBOX_ITEMS + 40 }, () =>
      anna.ask('POST', '/api/transfers', { kind: 'direct', to: [ben.id], files: [file(5)] }),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(MAX_INBOX_ITEMS);
    expect(new Set(answers.filter(({ status }) => status !== 201).map(({ type }) => type))).toEqual(
      new Set(['too_many_transfers']),
    );
    // The same for everybody who sends to Ben, and for Anna whomever she sends to.
    const files = [file(5)];
    expect((await cleo.ask('POST', '/api/transfers', { kind: 'direct', to: [ben.id], files })).type).toBe(
      'too_many_transfers',
    );
    expect((await anna.ask('POST', '/api/transfers', { kind: 'direct', to: [cleo.id], files })).type).toBe(
      'too_many_transfers',
    );
    const { items } = (await ben.ask('GET', '/api/inbox')).body as Inbox;
    expect(items).toHaveLength(MAX_INBOX_ITEMS);
    expect(items.map(({ sequence }) => sequence)).toEqual(items.map((_, index) => index + 1));
    expect((await ben.ask('DELETE', `/api/inbox/${items[0]?.id}`)).status).toBe(204);
    expect((await ben.ask('DELETE', `/api/inbox/${items[0]?.id}`)).status).toBe(204);
    expect((await cleo.ask('DELETE', `/api/inbox/${items[1]?.id}`)).type).toBe('not_found');
    expect((await cleo.ask('POST', '/api/transfers', { kind: 'direct', to: [ben.id], files })).status).toBe(201);
  }, 120_000);
});

describe('a text', () => {
  it('comes as it is, markup and all, once under a key, and leaves when it is dismissed', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const text = '<img src=x onerror=alert(1)>\n\thttps://example.com/ שלום';
    const key = { 'idempotency-key': 'text-1' };
    const sent = await anna.ask('POST', '/api/texts', { to: [ben.id], text }, key);
    expect(sent.status).toBe(201);
    expect((await anna.ask('POST', '/api/texts', { to: [ben.id], text }, key)).body).toEqual(sent.body);
    expect((await anna.ask('POST', '/api/texts', { to: [ben.id], text: 'other' }, key)).type).toBe('key_reused');
    const [item] = await waitFor('the text comes', 10_000, () => (ben.inbox.items.length > 0 ? ben.inbox.items : null));
    expect(item).toMatchObject({ kind: 'text', text, sender: { displayName: 'Anna' }, sequence: 1 });
    expect(ben.inbox.items).toHaveLength(1);
    await ben.tell('inbox.seen', { sequence: 1 });
    expect((await ben.ask('DELETE', `/api/inbox/${item?.id}`)).status).toBe(204);
    await waitFor('it is gone', 10_000, () => ben.inbox.items.length === 0);
  }, 30_000);

  it('is refused when it is none, too long, or plays with what is shown', async () => {
    const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
    const away = await somebody('Away', await newRoom(server));
    const send = async (text: unknown, to: unknown = [ben.id]) =>
      (await anna.ask('POST', '/api/texts', { to, text })).type ?? 'sent';
    expect(await send('')).toBe('bad_request');
    expect(await send(' \n')).toBe('bad_request');
    expect(await send(5)).toBe('bad_request');
    expect(await send('a\u0000b')).toBe('bad_request');
    expect(await send('a\u001b[31mb')).toBe('bad_request');
    expect(await send('a\u202eb')).toBe('bad_request');
    expect(await send('a\u2066b')).toBe('bad_request');
    expect(await send('\ud800')).toBe('bad_request');
    expect(await send('a'.repeat(MAX_TEXT_BYTES + 1))).toBe('too_large');
    expect(await send('é'.repeat(MAX_TEXT_BYTES / 2 + 1))).toBe('too_large');
    expect(await send('hi', [away.id])).toBe('forbidden');
    expect(await send('hi', [])).toBe('bad_request');
    expect(await send('é'.repeat(MAX_TEXT_BYTES / 2))).toBe('sent');
    await waitFor('the last one comes', 10_000, () => ben.inbox.items.length === 1);
  }, 30_000);
});
