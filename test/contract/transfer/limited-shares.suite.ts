import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { MIB } from '../../../services/contracts/limits.ts';
import { patternBytes } from '../../support/files.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, begin, type Opened, open, putOk } from './client.ts';
import { CHUNK, SMALL, share, take, theServer } from './one-server.ts';

let server: TestServer;
beforeAll(() => {
  server = theServer();
});

describe('a limited share', () => {
  const content = patternBytes('limited', 0, 4 * CHUNK);
  const leaseOf = (headers: IncomingMessage['headers']) =>
    (headers['set-cookie'] ?? []).map((each) => each.split(';')[0]).join('; ');
  const remaining = async (opened: Opened) =>
    (await ask(`${server.url}/api/shares/${opened.shareId}`, 'GET')).json<{ remainingDownloads: number }>()
      .remainingDownloads;

  it('gives one of fifty readers at once the bytes, and tells the others why not', async () => {
    const opened = await share(content, { maxDownloads: 1 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(opened.share, 'GET')));
    const whole = answers.filter((answer) => answer.status === 200);
    expect(whole).toHaveLength(1);
    expect(whole[0]?.body.equals(content)).toBe(true);
    for (const answer of answers) {
      if (answer.status === 200) continue;
      expect(['slots_held', 'used_up']).toContain(answer.type);
      expect(answer.status).toBe(answer.type === 'used_up' ? 410 : 429);
      if (answer.type === 'slots_held') expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
    expect(await waitFor('0 left', 10_000, async () => (await remaining(opened)) === 0)).toBe(true);
  });

  it('gives exactly as many downloads as it may', async () => {
    const opened = await share(content, { maxDownloads: 3 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(opened.share, 'GET')));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(3);
  });

  it('is not used up by HEAD, the page, previews or what the page asks', async () => {
    const opened = await share(content, { maxDownloads: 1 });
    const html = { accept: 'text/html' };
    const preview = { 'user-agent': 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' };
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await ask(opened.share, 'HEAD')).headers['content-length']).toBe(String(content.length));
      for (const headers of [html, preview] as Record<string, string>[]) {
        expect((await ask(opened.share, 'GET', { headers })).body.includes(content.subarray(0, 64))).toBe(false);
      }
      const file = await ask(`${opened.share}/0/file.bin`, 'GET', { headers: preview });
      expect(file.body.includes(content.subarray(0, 64))).toBe(false);
      expect(await remaining(opened)).toBe(1);
    }
    expect((await ask(opened.share, 'GET')).body.equals(content)).toBe(true);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
  });

  it('is the page for who draws previews, as for a browser; so are `/` and a share without a limit', async () => {
    const preview = { 'user-agent': 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' };
    const limited = await share(content, { maxDownloads: 1 });
    for (const address of [`${server.url}/`, (await share(content)).share, limited.share]) {
      const plain = await ask(address, 'HEAD');
      const page = await ask(address, 'GET', { headers: { accept: 'text/html' } });
      const drawn = await ask(address, 'GET', { headers: preview });
      expect(drawn.headers['content-type']).toMatch(/^text\/html/);
      expect(plain.headers['content-type']).not.toMatch(/^text\/html/);
      expect([drawn.status, drawn.body.equals(page.body)]).toEqual([page.status, true]);
      expect(drawn.body.includes(content.subarray(0, 64))).toBe(false);
    }
    expect(await remaining(limited)).toBe(1);
  });

  it('lets a download go on under its cookie, in parallel, each file at most twice', async () => {
    const opened = await share(content, { maxDownloads: 1 });
    const first = await ask(opened.share, 'GET', { headers: { range: `bytes=0-${CHUNK - 1}` } });
    const cookie = leaseOf(first.headers);
    expect(cookie).toMatch(/^pl_lease=/);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 429, type: 'slots_held' });
    const parts = await Promise.all(
      [1, 2, 3].map((index) =>
        ask(opened.share, 'GET', { headers: { cookie, range: `bytes=${index * CHUNK}-${(index + 1) * CHUNK - 1}` } }),
      ),
    );
    expect(Buffer.concat([first.body, ...parts.map((part) => part.body)]).equals(content)).toBe(true);
    expect((await ask(opened.share, 'GET', { headers: { cookie } })).body.equals(content)).toBe(true);
    expect(await ask(opened.share, 'GET', { headers: { cookie } })).toMatchObject({ status: 410, type: 'used_up' });
  });

  it('counts a download before the first byte of the last chunk, so all but a byte is not to be had uncounted', async () => {
    const opened = await share(content, { maxDownloads: 1 });
    const upTo = async (end: number, cookie = '') => {
      const answer = await ask(opened.share, 'GET', { headers: { cookie, range: `bytes=0-${end - 1}` } });
      expect(answer.body.equals(content.subarray(0, end))).toBe(true);
      return leaseOf(answer.headers);
    };
    const cookie = await upTo(3 * CHUNK);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 429, type: 'slots_held' });
    await upTo(3 * CHUNK + 1, cookie);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
    // What is one chunk is one download from its first byte on.
    const small = await share(content.subarray(0, 100), { maxDownloads: 1 });
    expect((await ask(small.share, 'GET', { headers: { range: 'bytes=0-98' } })).body).toHaveLength(99);
    expect(await ask(small.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
  });

  it('is served at most twice under one cookie, however many requests come at once', async () => {
    const large = patternBytes('greedy', 0, 8 * MIB);
    const opened = await open(server, [{ sizeBytes: large.length }], { maxDownloads: 1 });
    await putOk(server, opened, 0, 0, large);
    const first = await ask(opened.share, 'GET', { headers: { range: 'bytes=0-99' } });
    const cookie = leaseOf(first.headers);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => ask(opened.share, 'GET', { headers: { cookie } })),
    );
    const servedBytes = answers.reduce((sum, answer) => sum + (answer.status === 200 ? answer.body.length : 0), 100);
    expect(servedBytes).toBeGreaterThanOrEqual(large.length);
    expect(servedBytes).toBeLessThanOrEqual(2 * large.length);
    for (const answer of answers) expect(['slots_held', 'used_up', undefined]).toContain(answer.type);
  });

  it('sends a further connection of a download away for a moment, not for good, while the others hold what is left', async () => {
    const large = patternBytes('held by others', 0, 24 * MIB);
    const opened = await open(server, [{ sizeBytes: large.length }], { maxDownloads: 1 });
    await putOk(server, opened, 0, 0, large);
    const end = { range: `bytes=${large.length - 100}-` };
    const cookie = leaseOf((await ask(opened.share, 'GET', { headers: end })).headers);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
    const unread = await begin(opened.share, 'GET', { headers: { cookie } });
    const more = () => ask(opened.share, 'GET', { headers: { cookie } });
    const held = await more();
    expect(held).toMatchObject({ status: 429, type: 'slots_held' });
    expect(held.headers['retry-after']).toBe('2');
    unread.destroy();
    const whole = await waitFor('what was held', 10_000, async () => {
      const answer = await more();
      if (answer.status !== 200) expect(answer.type).toBe('slots_held');
      return answer.status === 200 ? answer : undefined;
    });
    expect(whole.body.equals(large)).toBe(true);
    expect(await more()).toMatchObject({ status: 410, type: 'used_up' });
  });

  it('serves each file at most twice, be it by itself or within a zip', async () => {
    const files = ['a', 'b'].map((name) => ({ path: name, bytes: patternBytes(name, 0, 2 * CHUNK + 7) }));
    const two = async () => {
      const named = files.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length }));
      const opened = await open(server, named, { ...SMALL, maxDownloads: 1 });
      for (const [index, { bytes }] of files.entries()) await putOk(server, opened, index, 0, bytes);
      return opened;
    };
    const zips = await two();
    const cookie = leaseOf((await ask(zips.share, 'GET')).headers);
    const get = async (path: string, as = cookie) => (await ask(path, 'GET', { headers: { cookie: as } })).status;
    expect([await get(zips.share), await get(zips.share)]).toEqual([200, 410]);
    expect([await get(`${zips.share}/0`), await get(`${zips.share}/1`)]).toEqual([410, 410]);
    const mixed = await two();
    const other = leaseOf((await ask(`${mixed.share}/0`, 'GET')).headers);
    expect([await get(mixed.share, other), await get(mixed.share, other)]).toEqual([200, 410]);
    expect([await get(`${mixed.share}/0`, other), await get(`${mixed.share}/1`, other)]).toEqual([410, 200]);
    expect(await get(`${mixed.share}/1`, other)).toBe(410);
  });

  it('lets a broken download without a cookie go on by Range from where it was, once it stood still', async () => {
    const large = patternBytes('large limited', 0, 24 * MIB);
    const opened = await open(server, [{ sizeBytes: large.length }], { maxDownloads: 1 });
    await putOk(server, opened, 0, 0, large);
    const broken = await begin(opened.share, 'GET');
    const got = await take(broken, 2 * MIB);
    broken.destroy();
    const go = () => ask(opened.share, 'GET', { headers: { range: `bytes=${got.length}-` } });
    const rest = await waitFor('the lease', 10_000, async () => {
      const answer = await go();
      if (answer.status !== 206) expect(answer.type).toBe('slots_held');
      return answer.status === 206 ? answer : undefined;
    });
    expect(Buffer.concat([got, rest.body]).equals(large)).toBe(true);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
  });

  it('counts a zip, and a body of unknown length, when it is complete', async () => {
    const opened = await open(server, [{ sizeBytes: 3 }, { sizeBytes: 0 }], { maxDownloads: 1 });
    await putOk(server, opened, 0, 0, Buffer.from('abc'));
    const zip = await ask(opened.share, 'GET');
    expect(zip.status).toBe(200);
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
    const single = await ask(`${opened.share}/0`, 'GET', { headers: { cookie: leaseOf(zip.headers) } });
    expect(single.body.toString()).toBe('abc');
    const unknown = await open(server, [{ sizeBytes: null }], { maxDownloads: 1 });
    const reading = ask(unknown.share, 'GET');
    const put = await begin(`${server.url}/api/transfers/${unknown.id}/files/0?offset=0`, 'PUT', {
      headers: { authorization: `Bearer ${unknown.token}`, 'transfer-encoding': 'chunked' },
      body: Buffer.alloc(MIB, 1),
    });
    put.resume();
    expect((await reading).body).toHaveLength(MIB);
    expect(await ask(unknown.share, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
  });
});
