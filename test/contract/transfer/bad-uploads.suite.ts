import { beforeAll, describe, expect, it } from '@jest/globals';
import { MIB } from '../../../services/contracts/limits.ts';
import { patternBytes } from '../../support/files.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, open, post, put, rawConnection, statusOf } from './client.ts';
import { CHUNK, dataOf, putHead, SMALL, theServer } from './one-server.ts';

let server: TestServer;
beforeAll(() => {
  server = theServer();
});

describe('what bad input gets', () => {
  const file = (over: object) => ({ files: [{ path: 'a.bin', sizeBytes: 10, ...over }] });

  it.each([
    ['a negative size', file({ sizeBytes: -1 }), 400, 'bad_size'],
    ['a fractional size', file({ sizeBytes: 1.5 }), 400, 'bad_size'],
    ['a size over the limit', file({ sizeBytes: 64 * MIB + 1 }), 413, 'too_large'],
    ['a size over 2^53', file({ sizeBytes: 2 ** 53 }), 400, 'bad_size'],
    ['a size that is no number', file({ sizeBytes: 'NaN' }), 400, 'bad_request'],
    ['a size that is missing', { files: [{ path: 'a' }] }, 400, 'bad_request'],
    ['a way up', file({ path: '../../etc/passwd' }), 400, 'bad_name'],
    ['an absolute path', file({ path: '/etc/passwd' }), 400, 'bad_name'],
    ['a backslash', file({ path: '..\\..\\boot.ini' }), 400, 'bad_name'],
    ['a NUL', file({ path: 'a\0.txt' }), 400, 'bad_name'],
    ['a control character', file({ path: 'a\u0007.txt' }), 400, 'bad_name'],
    ['a text-direction character', file({ path: 'gpj.\u202eexe' }), 400, 'bad_name'],
    ['a lone surrogate', file({ path: 'a\ud800' }), 400, 'bad_name'],
    ['an empty name', file({ path: '' }), 400, 'bad_name'],
    ['no files', { files: [] }, 400, 'bad_request'],
    ['a direct send to nobody', { ...file({}), kind: 'direct' }, 400, 'bad_request'],
    ['an expiry of no time', { ...file({}), expiresInSeconds: 0 }, 400, 'bad_request'],
    ['no downloads', { ...file({}), maxDownloads: 0 }, 400, 'bad_request'],
  ])('at the opening: %s', async (_what, body, status, type) => {
    expect(await post(server, '/api/transfers', body)).toMatchObject({ status, type });
  });

  it('names the limit that a file is over', async () => {
    const answer = await post(server, '/api/transfers', file({ sizeBytes: 64 * MIB + 1 }));
    expect(dataOf(answer)).toEqual({ limitBytes: 64 * MIB, sizeBytes: 64 * MIB + 1 });
  });

  it.each([
    ['off the chunk grid', 1, 'bad_offset'],
    ['negative', -CHUNK, 'bad_offset'],
    ['fractional', 0.5, 'bad_offset'],
    ['no number', 'NaN', 'bad_offset'],
    ['in another notation', '0x4000', 'bad_offset'],
    ['behind the end', 4 * CHUNK, 'bad_offset'],
    ['far behind the end', '9007199254740991', 'bad_offset'],
    ['beyond 2^53', '99999999999999999999', 'bad_offset'],
  ])('an offset that is %s', async (_what, offset, type) => {
    const opened = await open(server, [{ sizeBytes: 3 * CHUNK }], SMALL);
    expect(await put(server, opened, 0, offset, Buffer.alloc(CHUNK))).toMatchObject({ status: 400, type });
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([]);
  });

  it.each([
    ['no whole chunk', 0, CHUNK - 1],
    ['more than a chunk', 0, CHUNK + 1],
    ['beyond the end', 2 * CHUNK, CHUNK],
    ['nothing', 0, 0],
  ])('a body that is %s', async (_what, offset, length) => {
    const opened = await open(server, [{ sizeBytes: 2 * CHUNK + 100 }], SMALL);
    expect(await put(server, opened, 0, offset, Buffer.alloc(length))).toMatchObject({ status: 400, type: 'bad_run' });
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([]);
  });

  it.each(['1', '99999', '00001'])('a file index %s that is not there', async (index) => {
    const opened = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    expect(await put(server, opened, index, 0, Buffer.alloc(CHUNK))).toMatchObject({ status: 404, type: 'not_found' });
  });

  it('ids and tokens that are unknown, foreign or missing', async () => {
    const mine = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const other = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const body = Buffer.alloc(CHUNK);
    expect(await put(server, { id: mine.id, token: other.token }, 0, 0, body)).toMatchObject({
      status: 404,
      type: 'not_found',
    });
    expect(await put(server, { id: 'Unknown1d'.repeat(2), token: mine.token }, 0, 0, body)).toMatchObject({
      status: 404,
    });
    const url = `${server.url}/api/transfers/${mine.id}/files/0?offset=0`;
    expect(await ask(url, 'PUT', { body })).toMatchObject({ status: 401, type: 'bad_token' });
    expect(await ask(`${server.url}/api/transfers/${mine.id}/status`, 'GET')).toMatchObject({ status: 404 });
    expect(await ask(`${server.url}/d/${mine.id}`, 'GET')).toMatchObject({ status: 404 });
    for (const id of ['..%2f..', "'%20OR%201=1", '%00', 'a'.repeat(1000)]) {
      expect((await ask(`${server.url}/d/${id}`, 'GET')).status).toBe(404);
      expect([400, 404]).toContain((await ask(`${server.url}/api/transfers/${id}/status`, 'GET')).status);
    }
  });

  it.each(['GET', 'POST', 'DELETE'])('%s where chunks are PUT', async (method) => {
    const opened = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const answer = await ask(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, method);
    expect(answer).toMatchObject({ status: 405, type: 'method_not_allowed' });
    expect(answer.headers.allow).toBe('PUT');
  });

  it('addresses that are none', async () => {
    for (const target of ['//[', 'http://[/', '/d/%', '/%', '//', '/d//0', '*', 'x']) {
      const connection = await rawConnection(server);
      connection.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await connection.closed;
      expect([target, connection.text().slice(0, 10)]).toEqual([target, expect.stringMatching(/^HTTP\/1\.1 [24]/)]);
    }
    expect((await ask(`${server.url}/healthz`, 'GET')).status).toBe(200);
  });

  it('a body shorter than it said: what was whole stays', async () => {
    const content = patternBytes('half', 0, 4 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const connection = await rawConnection(server);
    connection.socket.write(putHead(opened, content.length));
    connection.socket.end(content.subarray(0, CHUNK + 100));
    await connection.closed;
    await waitFor('one chunk', 5_000, async () => {
      const { files } = await statusOf(server, opened);
      return JSON.stringify(files[0]?.committed) === '[[0,1]]';
    });
  });

  it('a body longer than it said: the rest is no request', async () => {
    const opened = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const connection = await rawConnection(server);
    connection.socket.write(
      Buffer.concat([Buffer.from(putHead(opened, CHUNK)), Buffer.alloc(CHUNK), Buffer.alloc(500, 'x')]),
    );
    await connection.closed;
    // The refusal may overtake the answer to what came before it; what was whole is stored all the same.
    expect(connection.text()).toMatch(/HTTP\/1\.1 400 /);
    await waitFor('the seal', 5_000, async () => (await statusOf(server, opened)).state === 'sealed');
  });

  it('lengths that are none', async () => {
    const opened = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    for (const length of ['-1', '1.5', 'NaN', '1e3', '0x10', '99999999999999999999', '5, 5']) {
      const connection = await rawConnection(server);
      connection.socket.write(putHead(opened, length));
      connection.socket.end();
      await connection.closed;
      expect([length, connection.text().slice(0, 12)]).toEqual([length, 'HTTP/1.1 400']);
    }
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([]);
  });

  it('refuses before the body when the head is already wrong', async () => {
    const opened = await open(server, [{ sizeBytes: 3 * CHUNK }], SMALL);
    const connection = await rawConnection(server);
    connection.socket.write(putHead(opened, 8 * MIB, 'Expect: 100-continue\r\n'));
    await waitFor('a refusal', 5_000, () => connection.text().includes('\r\n\r\n'));
    expect(connection.text()).toMatch(/^HTTP\/1\.1 400 /);
    connection.socket.destroy();
    const good = await rawConnection(server);
    good.socket.write(putHead(opened, CHUNK, 'Expect: 100-continue\r\n'));
    await waitFor('100', 5_000, () => good.text().startsWith('HTTP/1.1 100 '));
    good.socket.write(Buffer.alloc(CHUNK));
    await waitFor('200', 5_000, () => good.text().includes('HTTP/1.1 200 '));
    expect(good.text().match(/HTTP\/1\.1 100 /g)).toHaveLength(1);
    good.socket.destroy();
  });
});
