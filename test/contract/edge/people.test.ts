import { beforeAll, describe, expect, it } from '@jest/globals';
import { errorTypeOf } from '../../../services/contracts/errors.ts';
import type { Acknowledged } from '../../../services/contracts/socket.ts';
import { comeIn, newCookie, newRoom, openPage, rename } from '../../support/person-client.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, askJson, sendRaw } from './edge-client.ts';

const MIB = 1024 ** 2;
/** What is seen here; how soon is measured by test/cluster/presence, beside nothing else. */
const SEEN_MS = 10_000;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ env: { TRUSTED_PROXIES: '127.0.0.1' } });
}, 240_000);

const typeOf = (answer: Acknowledged<unknown>) => (answer.ok ? 'ok' : errorTypeOf(answer.problem));
const peopleCount = async () =>
  Number(/^peerlink_people (\d+)$/m.exec((await ask(server.url, '/metrics')).body)?.[1] ?? Number.NaN);

describe('a room of a network', () => {
  it('is shared by its addresses, as a trusted proxy forwards them, and by nobody else', async () => {
    const [one, two] = [
      await comeIn(server, null, { address: '192.168.9.5' }),
      await comeIn(server, null, { address: '192.168.9.200' }),
    ];
    const [elsewhere, outside, direct] = [
      await comeIn(server, null, { address: '192.168.8.5' }),
      await comeIn(server, null, { address: '203.0.113.9' }),
      await openPage(server),
    ];
    await waitFor('they see each other', SEEN_MS, () => one.others().includes(two.id) && two.others().includes(one.id));
    expect([one.others(), elsewhere.others(), outside.others()]).toEqual([[two.id], [], []]);
    const joined = await direct.join(null);
    expect(joined).toMatchObject({ ok: true, result: { you: { id: direct.id }, room: null, people: [] } });
    // The key of a room holds an address, which nobody is told.
    const everything = JSON.stringify([one.told, two.told, await one.join(null), await outside.join(null)]);
    expect(everything).not.toMatch(/192\.168|net:|c0a8|203\.0/);
    expect(everything).toContain('"kind":"local"');
  });
});

describe('a room by a code', () => {
  it('is made for whoever has a session', async () => {
    expect(await ask(server.url, '/api/rooms', { method: 'POST', headers: { Origin: server.url } })).toMatchObject({
      status: 401,
      type: 'bad_token',
    });
    const Cookie = await newCookie(server);
    const foreign = { Cookie, Origin: 'https://evil.example' };
    expect(await askJson(server.url, 'POST', '/api/rooms', {}, foreign)).toMatchObject({ status: 403 });
    const codes = [await newRoom(server, Cookie), await newRoom(server, Cookie)];
    for (const code of codes) expect(code).toMatch(/^[2-9A-HJKMNP-TV-Z]{6}$/);
    expect(codes[0]).not.toBe(codes[1]);
    expect(await ask(server.url, '/api/rooms', { headers: { Cookie } })).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
  });

  it('is left for the next one, by all tabs of a person, and by a page that is closed', async () => {
    const page = await openPage(server, { address: '198.18.0.1' });
    const [first, second] = [await newRoom(server, page.cookie), await newRoom(server, page.cookie)];
    await page.join(first);
    const friend = await comeIn(server, first.toLowerCase(), { address: '198.18.0.2' });
    expect(friend.others()).toEqual([page.id]);
    const tab = await comeIn(server, first, { cookie: page.cookie, address: '198.18.0.1' });
    expect([tab.id, tab.others()]).toEqual([page.id, [friend.id]]);
    await page.join(second);
    expect((await comeIn(server, first, { address: '198.18.0.3' })).others().length).toBe(2);
    tab.close();
    await waitFor('the last tab is gone', SEEN_MS, () => !friend.others().includes(page.id));
    expect(typeOf(await page.socket.timeout(5_000).emitWithAck('people.leave', {}))).toBe('ok');
    expect((await comeIn(server, second, { address: '198.18.0.4' })).others()).toEqual([]);
  });

  it('takes no room, person or name that is none', async () => {
    const page = await openPage(server, { address: '198.18.1.1' });
    const watching = await comeIn(server, 'FACTQR', { address: '198.18.1.2' });
    const tell = (event: string, payload: unknown) => page.socket.timeout(5_000).emitWithAck(event, payload);
    for (const room of ['FACTQ', 'FACTQRR', 'FACTQ0', 'FACTQO', 'net:00/0', '', 'x'.repeat(1_000), 7, {}, ['FACTQR']]) {
      expect([room, typeOf(await tell('people.join', { room }))]).toEqual([room, 'bad_request']);
    }
    const forged = { room: 'FACTQR', you: { id: watching.id, displayName: 'x' } };
    for (const payload of [null, 1, [], {}, forged, { room: 'FACTQR', sessionId: watching.id }]) {
      expect(typeOf(await tell('people.join', payload))).toBe('bad_request');
    }
    for (const event of ['people.changed', 'presence.changed', 'session.roommates', 'people.enter']) {
      expect(typeOf(await tell(event, { room: 'FACTQR' }))).toBe('not_found');
    }
    expect([watching.others(), watching.told]).toEqual([[], []]);
  });

  it('is not found by guessing', async () => {
    const guesser = await openPage(server, { address: '198.18.2.1' });
    const types = new Set<string | undefined>();
    for (const end of '23456789ABCDEFGHJKMNPQRSTV') types.add(typeOf(await guesser.join(`WWWWW${end}`)));
    expect([...types]).toEqual(['ok', 'rate_limited']);
    // Another address is not held to it.
    await comeIn(server, 'WWWWWZ', { address: '198.18.2.2' });
  });
});

describe('a name', () => {
  it('is seen by the others at once when it changes, whatever markup it holds', async () => {
    const name = '<img src=x onerror=alert(1)> & "Ω"';
    const [one, two] = [
      await comeIn(server, 'NAMES2', { address: '198.18.3.1' }),
      await comeIn(server, 'NAMES2', { address: '198.18.3.2' }),
    ];
    expect((await rename(server, one.cookie, name)).status).toBe(200);
    await waitFor('it is seen', SEEN_MS, () => two.told.at(-1)?.snapshot.people[0]?.displayName === name);
    await waitFor('by oneself too', SEEN_MS, () => one.told.at(-1)?.snapshot.you.displayName === name);
  });

  it('that turns text around, hides or breaks lines is refused', async () => {
    const page = await comeIn(server, 'NAMES3', { address: '198.18.4.1' });
    for (const name of [
      'a\u202eb',
      'a\u2066b',
      'a\u200eb',
      'a\u0000b',
      'a\nb',
      'a\u200bb',
      '\ufeff',
      '',
      'x'.repeat(65),
    ]) {
      const answer = await rename(server, page.cookie, name);
      expect([name, answer.status, errorTypeOf((await answer.json()) as object)]).toEqual([name, 400, 'bad_name']);
    }
    expect(await peopleCount()).toBeGreaterThan(0);
  });
});

describe('presence', () => {
  it('ends with the session, and with the connection of who floods or sends too much', async () => {
    const watching = await comeIn(server, 'PRESNT', { address: '198.18.5.1' });
    const [revoked, large, many] = [
      await comeIn(server, 'PRESNT', { address: '198.18.5.2' }),
      await comeIn(server, 'PRESNT', { address: '198.18.5.3' }),
      await comeIn(server, 'PRESNT', { address: '198.18.5.4' }),
    ];
    await waitFor('all are there', SEEN_MS, () => watching.others().length === 3);
    const before = await peopleCount();
    await ask(server.url, '/api/session', {
      method: 'DELETE',
      headers: { Cookie: revoked.cookie, Origin: server.url },
    });
    large.socket.emit('people.join', { room: 'x'.repeat(9 * MIB) });
    await waitFor('two are gone', SEEN_MS, () => watching.others().join() === many.id);
    expect(await peopleCount()).toBe(before - 2);

    // A thousand a minute are served, the others told so; who shares the room hears of it four times a second.
    const startedAtMs = performance.now();
    watching.told.length = 0;
    const answers = await Promise.all(
      Array.from({ length: 1_500 }, (_none, turn) => many.join(turn % 2 === 0 ? 'PRESNT' : null)),
    );
    const types = new Set(answers.map(typeOf));
    expect([...types].filter((type) => !['ok', 'superseded', 'rate_limited'].includes(type ?? ''))).toEqual([]);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    // Meanwhile seventeen more a second may come.
    const refusedCount = answers.filter((answer) => typeOf(answer) === 'rate_limited').length;
    expect(refusedCount).toBeGreaterThan(450 - seconds * 17);
    expect(watching.told.length).toBeLessThanOrEqual(seconds * 4 + 2);
    expect(many.socket.connected).toBe(true);
    many.close();
    await waitFor('it is gone', SEEN_MS, () => watching.others().length === 0);
  }, 90_000);
});

describe('a machine that vanishes without a word', () => {
  it('is found after 25 s at most: so both sides of a connection are told as it opens', async () => {
    const head = [
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      '',
      '',
    ].join('\r\n');
    const { answer } = await sendRaw(server.port, head, undefined, (text) => /\{"sid".*?\}/.test(text));
    const told = /\{"sid".*?\}/.exec(answer)?.[0] ?? '{}';
    expect(JSON.parse(told)).toMatchObject({ pingInterval: 10_000, pingTimeout: 15_000 });
  });
});
