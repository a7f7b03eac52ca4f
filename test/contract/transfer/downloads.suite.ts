import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import { MIB } from '../../../services/contracts/limits.ts';
import { tempDirectory } from '../../support/cleanup.ts';
import { patternBytes } from '../../support/files.ts';
import type { TestServer } from '../../support/server.ts';
import { ask, begin, curl, type Opened, open, post, putOk } from './client.ts';
import { CHUNK, SMALL, share, take, theServer } from './one-server.ts';

const digestOf = (bytes: Uint8Array) => Buffer.from(blake3(bytes)).toString('hex');
const run = promisify(execFile);

let server: TestServer;
beforeAll(() => {
  server = theServer();
});

describe('a range', () => {
  const content = patternBytes('range', 0, 5 * CHUNK + 321);
  const size = content.length;
  let opened: Opened;
  beforeAll(async () => {
    opened = await share(content);
  });

  it.each([
    ['bytes=0-', 0, size],
    ['bytes=0-0', 0, 1],
    [`bytes=${CHUNK - 1}-${CHUNK}`, CHUNK - 1, CHUNK + 1],
    [`bytes=${CHUNK}-${3 * CHUNK - 1}`, CHUNK, 3 * CHUNK],
    [`bytes=${size - 1}-`, size - 1, size],
    ['bytes=-100', size - 100, size],
    ['bytes=-99999999', 0, size],
    ['bytes=100-99999999999', 100, size],
  ])('%s gives 206 and these bytes', async (range, from, to) => {
    const answer = await ask(opened.share, 'GET', { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${from}-${to - 1}/${size}`);
    expect(answer.headers['content-length']).toBe(String(to - from));
    expect(answer.body.equals(content.subarray(from, to))).toBe(true);
  });

  it.each([`bytes=${size}-`, 'bytes=99999999999999999999-', 'bytes=-0', 'bytes=5-4'])(
    '%s cannot be: 416',
    async (range) => {
      const answer = await ask(opened.share, 'GET', { headers: { range } });
      expect(answer).toMatchObject({ status: 416, type: 'range_not_satisfiable' });
      expect(answer.headers['content-range']).toBe(`bytes */${size}`);
    },
  );

  it.each(['bytes=0-1,5-6', 'items=0-1', 'bytes=a-b', 'bytes=', 'x'])('%s is ignored', async (range) => {
    const answer = await ask(opened.share, 'GET', { headers: { range } });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(content)).toBe(true);
  });

  it('holds to If-Range, and If-None-Match and If-Match to theirs', async () => {
    const etag = `"b3-${digestOf(content)}"`;
    const get = (headers: Record<string, string>) => ask(opened.share, 'GET', { headers });
    expect((await get({})).headers.etag).toBe(etag);
    expect((await get({ range: 'bytes=1-2', 'if-range': etag })).status).toBe(206);
    expect((await get({ range: 'bytes=1-2', 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ range: 'bytes=1-2', 'if-range': 'Sun, 22 Nov 2026 17:00:00 GMT' })).status).toBe(200);
    const unchanged = await get({ 'if-none-match': `"x", W/${etag}` });
    expect(unchanged.status).toBe(304);
    expect(unchanged.body).toHaveLength(0);
    expect((await get({ 'if-match': etag })).status).toBe(200);
    expect(await get({ 'if-match': '"other"' })).toMatchObject({ status: 412, type: 'precondition_failed' });
  });

  it('means nothing to HEAD, which has the headers of the whole', async () => {
    for (const headers of [{}, { range: 'bytes=1-2' }, { range: `bytes=${size}-` }] as Record<string, string>[]) {
      const answer = await ask(opened.share, 'HEAD', { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-length']).toBe(String(size));
      expect(answer.headers['accept-ranges']).toBe('bytes');
      expect(answer.headers['x-blake3']).toBe(digestOf(content));
      expect(answer.body).toHaveLength(0);
    }
  });

  it('is not read by another method', async () => {
    const answer = await ask(opened.share, 'DELETE');
    expect(answer).toMatchObject({ status: 405, type: 'method_not_allowed' });
    expect(answer.headers.allow).toBe('GET, HEAD');
  });
});

describe('a download while the upload goes on', () => {
  it('has its length at once, is woken by each commit, and ends whole', async () => {
    const content = patternBytes('live', 0, 6 * CHUNK + 5);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const reader = await begin(opened.share, 'GET');
    expect(reader.statusCode).toBe(200);
    expect(reader.headers['content-length']).toBe(String(content.length));
    expect(reader.headers['x-blake3']).toBeUndefined();
    const got: Buffer[] = [];
    for (const index of [0, 2, 1, 3]) {
      await putOk(server, opened, 0, index * CHUNK, content.subarray(index * CHUNK, (index + 1) * CHUNK));
      // Chunk 2 waits for chunk 1, then both come.
      if (index !== 2) got.push(await take(reader, index === 1 ? 2 * CHUNK : CHUNK));
    }
    await putOk(server, opened, 0, 4 * CHUNK, content.subarray(4 * CHUNK));
    for await (const part of reader) got.push(part as Buffer);
    expect(Buffer.concat(got).equals(content)).toBe(true);
  });

  it('goes on by Range across the seal, under the tag it began with', async () => {
    const content = patternBytes('across', 0, 4 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    await putOk(server, opened, 0, 0, content.subarray(0, 2 * CHUNK));
    const before = await begin(opened.share, 'GET');
    const tag = String(before.headers.etag);
    const first = await take(before, CHUNK + 100);
    before.destroy();
    const rest = { range: `bytes=${first.length}-`, 'if-range': tag };
    const waiting = ask(opened.share, 'GET', { headers: rest });
    await putOk(server, opened, 0, 2 * CHUNK, content.subarray(2 * CHUNK));
    const live = await waiting;
    expect(live.status).toBe(206);
    expect(Buffer.concat([first, live.body]).equals(content)).toBe(true);
    const after = await ask(opened.share, 'GET', { headers: rest });
    expect(after.status).toBe(206);
    expect(after.headers.etag).toBe(`"b3-${digestOf(content)}"`);
    expect(Buffer.concat([first, after.body]).equals(content)).toBe(true);
    expect((await ask(opened.share, 'GET', { headers: { 'if-none-match': tag } })).status).toBe(304);
  });

  it('serves a range in the middle that is there while the beginning is not', async () => {
    const content = patternBytes('middle', 0, 4 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    await putOk(server, opened, 0, 2 * CHUNK, content.subarray(2 * CHUNK, 3 * CHUNK));
    const answer = await ask(opened.share, 'GET', { headers: { range: `bytes=${2 * CHUNK + 1}-${3 * CHUNK - 1}` } });
    expect(answer.status).toBe(206);
    expect(answer.body.equals(content.subarray(2 * CHUNK + 1, 3 * CHUNK))).toBe(true);
  });

  it('of unknown length is chunked, ignores Range, and ends with its sender', async () => {
    const content = patternBytes('stream', 0, 2 * MIB + 99);
    const opened = await open(server, [{ sizeBytes: null }]);
    const head = await ask(opened.share, 'HEAD', {});
    expect(head.headers['content-length']).toBeUndefined();
    expect(head.headers['accept-ranges']).toBe('none');
    const reader = await begin(opened.share, 'GET', { headers: { range: 'bytes=5-' } });
    expect(reader.statusCode).toBe(200);
    const sender = begin(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, 'PUT', {
      headers: { authorization: `Bearer ${opened.token}`, 'transfer-encoding': 'chunked' },
      body: content,
    });
    const got: Buffer[] = [];
    for await (const part of reader) got.push(part as Buffer);
    expect(reader.complete).toBe(true);
    expect(Buffer.concat(got).equals(content)).toBe(true);
    expect((await sender).statusCode).toBe(200);
  });

  it('reaches twenty readers that came before the first byte', async () => {
    const content = patternBytes('twenty', 0, 3 * MIB);
    const opened = await open(server, [{ sizeBytes: content.length }]);
    const readers = Array.from({ length: 20 }, () => ask(opened.share, 'GET'));
    await putOk(server, opened, 0, 0, content);
    for (const answer of await Promise.all(readers)) expect(answer.body.equals(content)).toBe(true);
  });
});

describe('several files', () => {
  const contents = {
    'photos/one.bin': patternBytes('one', 0, 3 * CHUNK + 1),
    'photos/deep/two.txt': Buffer.from('hello\n'),
    'photos/empty': Buffer.alloc(0),
    'photos/日本/Žluťoučký kůň.bin': patternBytes('four', 0, CHUNK),
  };
  const entries = Object.entries(contents);
  const files = entries.map(([path, bytes]) => ({
    path,
    sizeBytes: bytes.length,
    lastModifiedMs: Date.UTC(2020, 1, 3, 4, 5, 6),
  }));

  it('come as one zip that unzip reads back byte for byte, also while they still arrive', async () => {
    const opened = await open(server, files, SMALL);
    const early = ask(opened.share, 'GET');
    for (const [index, [, bytes]] of entries.entries())
      if (bytes.length > 0) await putOk(server, opened, index, 0, bytes);
    const late = await ask(`${opened.share}/zip`, 'GET');
    expect(late.headers['content-type']).toBe('application/zip');
    expect(late.headers['content-length']).toBe(String(late.body.length));
    expect(late.headers['content-disposition']).toContain('photos.zip');
    expect((await early).body.equals(late.body)).toBe(true);
    const directory = tempDirectory('zip');
    const zip = join(directory, 'all.zip');
    writeFileSync(zip, late.body);
    await run('unzip', ['-q', zip, '-d', directory], { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    for (const [path, bytes] of entries) {
      expect([path, readFileSync(join(directory, path)).equals(bytes)]).toEqual([path, true]);
    }
    await run('unzip', ['-tqq', zip]);
  });

  it('come one by one too, each under its own name', async () => {
    const opened = await open(server, files, SMALL);
    for (const [index, [, bytes]] of entries.entries())
      if (bytes.length > 0) await putOk(server, opened, index, 0, bytes);
    for (const [index, [path, bytes]] of entries.entries()) {
      const answer = await ask(`${opened.share}/${index}/any%20name`, 'GET');
      expect(answer.body.equals(bytes)).toBe(true);
      const name = path.slice(path.lastIndexOf('/') + 1);
      expect(answer.headers['content-disposition']).toContain(`filename*=UTF-8''${encodeURIComponent(name)}`);
    }
    expect(await ask(`${opened.share}/4`, 'GET')).toMatchObject({ status: 404, type: 'not_found' });
    expect(await ask(`${opened.share}/-1`, 'GET')).toMatchObject({ status: 404, type: 'not_found' });
  });

  it('of which one has unknown length come as a zip without a length', async () => {
    const opened = await open(server, [
      { path: 'a', sizeBytes: 5 },
      { path: 'b', sizeBytes: null },
    ]);
    const reading = ask(opened.share, 'GET');
    await putOk(server, opened, 0, 0, Buffer.from('12345'));
    const put = await begin(`${server.url}/api/transfers/${opened.id}/files/1?offset=0`, 'PUT', {
      headers: { authorization: `Bearer ${opened.token}`, 'transfer-encoding': 'chunked' },
      body: patternBytes('late', 0, MIB + 3),
    });
    expect(put.statusCode).toBe(200);
    const answer = await reading;
    expect(answer.headers['content-length']).toBeUndefined();
    const directory = tempDirectory('zip');
    writeFileSync(join(directory, 'x.zip'), answer.body);
    await run('unzip', ['-q', join(directory, 'x.zip'), '-d', directory]);
    expect(readFileSync(join(directory, 'b')).equals(patternBytes('late', 0, MIB + 3))).toBe(true);
  });
});

describe('what a browser may do with the bytes', () => {
  it('is nothing but save them, unless they are of a short safe list', async () => {
    const page = await share(Buffer.from('<script>alert(1)</script>'), {}, 'evil.html');
    for (const address of [page.share, `${page.share}/0?view=1`]) {
      const answer = await ask(address, 'GET');
      expect(answer.headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringMatching(/^sandbox;/),
        'content-disposition': expect.stringMatching(/^attachment;/),
      });
    }
    const picture = await share(Buffer.from('no picture'), {}, 'a.PNG');
    const shown = await ask(`${picture.share}/0?view=1`, 'GET');
    expect(shown.headers['content-type']).toBe('image/png');
    expect(shown.headers['content-disposition']).toMatch(/^inline;/);
    expect(shown.headers['content-security-policy']).toMatch(/^sandbox;/);
  });
});

describe('a share with a password', () => {
  const content = Buffer.from('behind a password');

  it('opens by curl -u, by the cookie that it sets, and by ?grant=, and to nobody else', async () => {
    const opened = await share(content, { password: 'pässwörd' });
    const none = await ask(opened.share, 'GET');
    expect(none).toMatchObject({ status: 401, type: 'password_required' });
    expect(none.headers['www-authenticate']).toMatch(/^Basic /);
    const basic = (password: string) => `Basic ${Buffer.from(`:${password}`).toString('base64')}`;
    const wrong = await ask(opened.share, 'GET', { headers: { authorization: basic('wrong') } });
    expect(wrong).toMatchObject({ status: 401, type: 'bad_password' });
    const right = await ask(opened.share, 'GET', { headers: { authorization: basic('pässwörd') } });
    expect(right.body.equals(content)).toBe(true);
    const cookie = String(right.headers['set-cookie']);
    expect(cookie).toMatch(new RegExp(`^pl_grant=.*Path=/d/${opened.shareId};.*HttpOnly`));
    const again = await ask(opened.share, 'GET', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(again.body.equals(content)).toBe(true);
    const granted = await post(server, `/api/shares/${opened.shareId}/grant`, { password: 'pässwörd' });
    expect(granted.status).toBe(201);
    const { grant, addressGrant } = granted.json<{ grant: string; addressGrant: string }>();
    const byQuery = await ask(`${opened.share}/0?grant=${addressGrant}`, 'GET', {
      headers: { cookie: 'pl_grant=stale.0.x' },
    });
    expect(byQuery.body.equals(content)).toBe(true);
    const other = await share(content, { password: 'pässwörd' });
    expect(await ask(`${other.share}?grant=${addressGrant}`, 'GET')).toMatchObject({ status: 401 });
    // A day's right does not ride in an address, nor an address's right in the cookie.
    expect(await ask(`${opened.share}?grant=${grant}`, 'GET')).toMatchObject({ status: 401 });
    const swapped = { cookie: `pl_grant=${addressGrant}` };
    expect(await ask(opened.share, 'GET', { headers: swapped })).toMatchObject({ status: 401 });
    const { code, stdout } = await curl(['-u', ':pässwörd', opened.share]);
    expect([code, stdout]).toEqual([0, content.toString()]);
  });

  it('hides names, sizes and senders until it is given', async () => {
    const opened = await share(content, { password: 'x', senderName: 'Anna' });
    const hidden = (await ask(`${server.url}/api/shares/${opened.shareId}`, 'GET')).json<Record<string, unknown>>();
    expect(hidden).toMatchObject({ passwordRequired: true, files: [], share: { senderName: null, totalBytes: null } });
    const { grant } = (await post(server, `/api/shares/${opened.shareId}/grant`, { password: 'x' })).json<{
      grant: string;
    }>();
    const shown = await ask(`${server.url}/api/shares/${opened.shareId}`, 'GET', {
      headers: { authorization: `Bearer ${grant}` },
    });
    expect(shown.json()).toMatchObject({
      passwordRequired: false,
      files: [{ path: 'file.bin' }],
      share: { senderName: 'Anna' },
    });
  });
});

describe('curl', () => {
  const content = patternBytes('curl', 0, 3 * MIB + 17);
  let directory: string;
  beforeAll(() => {
    directory = tempDirectory('curl');
    writeFileSync(join(directory, 'photo.jpg'), content);
  });
  const linkOf = (text: string) => text.trim();

  it('-T sends a file and has its link, digest and delete address; -OJL brings it back under its name', async () => {
    const sent = await curl(['-i', '-T', 'photo.jpg', `${server.url}/`], { cwd: directory });
    const [head = '', line = ''] = sent.stdout.replace(/^HTTP\/1\.1 100[\s\S]*?\r\n\r\n/, '').split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 201 /);
    expect(line).toMatch(/^http:\/\/[^ ]+\/d\/[\w]{22}\n$/);
    expect(/x-blake3: (\w+)/i.exec(head)?.[1]).toBe(digestOf(content));
    const out = tempDirectory('curl-out');
    expect(await curl(['-OJL', linkOf(line)], { cwd: out })).toMatchObject({ code: 0 });
    expect(readdirSync(out)).toEqual(['photo.jpg']);
    expect(readFileSync(join(out, 'photo.jpg')).equals(content)).toBe(true);
    const deleteUrl = /x-url-delete: (\S+)/i.exec(head)?.[1] ?? '';
    expect(new URL(deleteUrl).origin).toBe(new URL(linkOf(line)).origin);
    const wrong = await curl([
      '-X',
      'DELETE',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      deleteUrl.replace(/token=.*/, 'token=x'),
    ]);
    expect(wrong.stdout).toBe('404');
    expect((await curl(['-X', 'DELETE', '-w', '%{http_code}', deleteUrl])).stdout).toBe('204');
    expect((await curl(['-o', '/dev/null', '-w', '%{http_code}', linkOf(line)])).stdout).toBe('410');
  });

  it.each(['日本語.txt', 'Привет мир.txt', 'قطة.jpg', "it's a file (1).tar.gz", 'ünïcödé%20.bin', '100%.txt'])(
    'brings %s back under its name',
    async (name) => {
      const from = tempDirectory('curl-in');
      writeFileSync(join(from, name), name);
      const sent = await curl(['-T', name, `${server.url}/`], { cwd: from });
      const out = tempDirectory('curl-out');
      await curl(['-OJL', linkOf(sent.stdout)], { cwd: out });
      expect(readdirSync(out)).toEqual([name]);
      expect(readFileSync(join(out, name), 'utf8')).toBe(name);
    },
  );

  it('-T - sends what a program says, under the name in the address or as stdin', async () => {
    const named = await curl(['-T', '-', `${server.url}/notes.txt`], { input: content });
    const plain = await curl(['-T', '-', `${server.url}/`], { input: Buffer.from('hello\n') });
    const out = tempDirectory('curl-out');
    for (const { stdout } of [named, plain]) await curl(['-OJL', linkOf(stdout)], { cwd: out });
    expect(readdirSync(out).sort()).toEqual(['notes.txt', 'stdin']);
    expect(readFileSync(join(out, 'notes.txt')).equals(content)).toBe(true);
  });

  it('-C - goes on where a download stopped', async () => {
    const { stdout } = await curl(['-T', 'photo.jpg', `${server.url}/`], { cwd: directory });
    const out = join(tempDirectory('curl-out'), 'half.jpg');
    writeFileSync(out, content.subarray(0, 1_234_567));
    const { code } = await curl(['-L', '-C', '-', '-o', out, linkOf(stdout)]);
    expect(code).toBe(0);
    expect(readFileSync(out).equals(content)).toBe(true);
  });

  it('may say Max-Downloads and Max-Days, and is refused values that cannot be', async () => {
    const send = (header: string) =>
      curl(['-H', header, '-T', 'photo.jpg', '-w', '%{http_code}', `${server.url}/`], { cwd: directory });
    const limited = (await send('Max-Downloads: 1')).stdout.replace(/\n201$/, '');
    expect((await ask(limited, 'GET')).status).toBe(200);
    expect(await ask(limited, 'GET')).toMatchObject({ status: 410, type: 'used_up' });
    const days = (await send('Max-Days: 0.5')).stdout.replace(/\n201$/, '');
    const info = await ask(days.replace('/d/', '/api/shares/'), 'GET');
    const left = Date.parse(info.json<{ share: { expiresAt: string } }>().share.expiresAt) - Date.now();
    expect(Math.abs(left - 12 * 3_600_000)).toBeLessThan(60_000);
    for (const header of [
      'Max-Downloads: 0',
      'Max-Downloads: -1',
      'Max-Downloads: 1.5',
      'Max-Downloads: x',
      'Max-Days: 0',
      'Max-Days: NaN',
      'Max-Days: 400',
    ]) {
      expect([header, (await send(header)).stdout.slice(-3)]).toEqual([header, '400']);
    }
  });

  it('-C with -T gets no link for a part of a file, and one for a whole file', async () => {
    const send = (from: string) =>
      curl(['-C', from, '-T', 'photo.jpg', '-w', '\n%{http_code}', `${server.url}/`], { cwd: directory });
    const refused = (await send('1000')).stdout;
    expect(refused).toMatch(/"urn:peerlink:error:bad_request"[\s\S]*without -C[\s\S]*\n400$/);
    expect((await send('-')).stdout).toMatch(/\n201$/);
  });

  it('is refused names that cannot be', async () => {
    for (const name of ['..', '%2e%2e', 'a%00b', '%E2%80%AEgpj.exe', '%ff', 'a%5cb', '%', '%2e%2e%2fx']) {
      const { stdout } = await curl(
        ['--path-as-is', '-T', '-', '-o', '/dev/null', '-w', '%{http_code}', `${server.url}/${name}`],
        {
          input: Buffer.from('x'),
        },
      );
      expect([name, stdout]).toEqual([name, '400']);
    }
  });

  it('sees the help text at /, and a browser the page', async () => {
    expect((await curl([`${server.url}/`])).stdout).toContain('curl -T');
    const page = await ask(`${server.url}/`, 'GET', { headers: { accept: 'text/html' } });
    expect(page.body.toString()).not.toContain('curl -T photo.jpg');
  });
});
