import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  MAX_HEADER_BYTES,
  MAX_JSON_BODY_BYTES,
  MAX_JSON_DEPTH,
  MAX_SMALL_JSON_BODY_BYTES,
  MAX_URL_BYTES,
} from '../../../services/contracts/limits.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { ask, askJson, hasHead, sendRaw } from './edge-client.ts';

const ALLOWED = 'https://share.example.com';
let server: TestServer;
let url = '';

beforeAll(async () => {
  server = await startServer({
    env: { CORS_ORIGIN: ALLOWED, MAX_CONCURRENT_TRANSFERS: '1000', RATE_LIMIT_UPLOADS_PER_MINUTE: '10000' },
  });
  url = server.url;
}, 240_000);

const file = { files: [{ path: 'a.txt', sizeBytes: 3 }] };
const newSession = async () => (await ask(url, '/api/session', { method: 'POST' })).cookie;

describe('a Host that is none', () => {
  it.each(['a.1..', 'x.0x..', '..', '[::', 'a b', '\u00ff'])(
    '%j is answered, and so is whoever comes next',
    async (host) => {
      const text = `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      expect((await sendRaw(server.port, text, 5_000)).answer).toMatch(/^HTTP\/1\.1 (200|400) /);
      expect((await ask(url, '/healthz')).status).toBe(200);
    },
  );
});

describe('only what is listed can be reached', () => {
  it.each([
    '/api/$node/options',
    '/api/~node/options',
    '/api/%24node/options',
    '/api/session.create',
    '/api/session/create',
    '/api/transfer/open',
    '/api/gateway/rest',
    '/api/list-aliases',
    '/api/transfers/x/y/z',
    '/api/',
    '/api',
    '/apiinternal/x',
    '/apiv2/session',
    '/API/session',
    '/$node/options',
    '/socket.io',
    '/nothing',
    '/.env',
    '/package.json',
    '/../package.json',
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/index.html/..',
    '/data',
  ])('GET %s is not found', async (path) => {
    const answer = await ask(url, path);
    expect(answer).toMatchObject({ status: 404, type: 'not_found' });
    expect(answer.body).not.toMatch(/node_modules|services\/|\\n\s*at /);
  });

  it.each([
    '/api/transfers/%00',
    '/api/transfers/..%2f..%2fetc',
    '/api/transfers/../../etc/passwd',
    '/api/shares/%2e%2e',
    '/api/shares/a%00b',
    '/api/transfers/%',
    '/api/shares/%ff',
  ])('no NUL, no parent folder and no broken escape reaches an action: GET %s', async (path) => {
    const answer = await ask(url, path);
    expect([400, 404]).toContain(answer.status);
    expect(['not_found', 'bad_request']).toContain(answer.type);
  });

  it('tells a person who mistyped an address on the page, and a program in JSON', async () => {
    const typed = await fetch(`${url}/shares`, { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([typed.status, typed.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    expect(await typed.text()).toContain('<div id="root">');
    const html = { headers: { accept: 'text/html' } };
    for (const path of ['/assets/nothing.js', '/api/nothing']) {
      expect(await ask(url, path, html)).toMatchObject({ status: 404, type: 'not_found' });
    }
  });

  it('takes no address of another host', async () => {
    for (const target of ['//evil.com/', 'http://evil.com/', '/\\evil.com', 'evil']) {
      const { answer } = await sendRaw(
        server.port,
        `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
  });

  it('names the methods of a path that has others', async () => {
    const answer = await ask(url, '/api/transfers', { method: 'DELETE' });
    expect(answer).toMatchObject({ status: 405, type: 'method_not_allowed' });
    expect(answer.headers.allow).toBe('POST, GET, HEAD');
    expect((await ask(url, '/healthz', { method: 'POST' })).headers.allow).toBe('GET, HEAD');
    expect(await ask(url, '/', { method: 'DELETE' })).toMatchObject({ status: 405 });
    // `curl -F` is what people try first: they are told what works.
    const posted = await ask(url, '/', { method: 'POST' });
    expect(posted).toMatchObject({ status: 405, type: 'method_not_allowed' });
    expect(posted.headers.allow).toBe('GET, HEAD, PUT');
  });

  it('answers HEAD where it answers GET, without a body', async () => {
    for (const path of ['/healthz', '/version', '/api/cluster', '/nothing']) {
      const [get, head] = await Promise.all([ask(url, path), ask(url, path, { method: 'HEAD' })]);
      expect(head.status).toBe(get.status);
      expect(head.body).toBe('');
    }
  });
});

describe('every answer', () => {
  it.each(['/', '/healthz', '/api/cluster', '/nothing', '/d/1aF2f21ct7v8fjjcYe5oWK'])(
    'to %s keeps links, types and frames in',
    async (path) => {
      const { headers } = await ask(url, path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers.server).toBeUndefined();
    },
  );

  it.each(['/healthz', '/readyz', '/version', '/metrics', '/api/cluster', '/api/nothing', '/nothing'])(
    'to %s that is no page runs nothing, wherever it is shown, asks for nothing, and is kept by nobody',
    async (path) => {
      const { headers } = await ask(url, path, { headers: { 'Sec-Fetch-Dest': 'document' } });
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-opener-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('camera=()'),
        'cache-control': 'no-store',
      });
    },
  );

  it('says under /api/ what time it is at the server, on refusals too and to pages of other origins', async () => {
    for (const [path, status] of [
      ['/api/cluster', 200],
      ['/api/shares/111111111111111111111A', 404],
      ['/api/transfers', 401],
    ] as const) {
      const beganMs = Date.now();
      const answer = await ask(url, path, { headers: { Origin: ALLOWED } });
      expect(answer.status).toBe(status);
      const toldMs = Date.parse(String(answer.headers['x-server-time']));
      expect(toldMs).toBeGreaterThanOrEqual(beganMs);
      expect(toldMs).toBeLessThanOrEqual(Date.now());
      expect(answer.headers['access-control-expose-headers']).toContain('X-Server-Time');
    }
    expect((await ask(url, '/healthz')).headers['x-server-time']).toBeUndefined();
  });

  it('carries the request id, a sane one of the client or a new one', async () => {
    expect((await ask(url, '/healthz', { headers: { 'X-Request-Id': 'proxy-4711.x' } })).headers['x-request-id']).toBe(
      'proxy-4711.x',
    );
    for (const bad of ['short', 'a b c d e f', 'x'.repeat(65), 'evil\u0001id123']) {
      const made = await ask(url, '/api/session', { headers: { 'X-Request-Id': encodeURI(bad) } });
      expect(made.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
      expect(made.json<{ requestId: string }>().requestId).toBe(made.headers['x-request-id']);
    }
  });
});

describe('CORS', () => {
  it('allows a listed origin exactly, never with credentials', async () => {
    const { headers } = await ask(url, '/api/cluster', { headers: { Origin: ALLOWED } });
    expect(headers['access-control-allow-origin']).toBe(ALLOWED);
    expect(headers.vary).toContain('Origin');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    // Under PUBLIC_URL our own page may talk to a node by another name.
    expect((await ask(url, '/api/cluster', { headers: { Origin: url } })).headers['access-control-allow-origin']).toBe(
      url,
    );
    const preflight = await ask(url, '/api/transfers/x/files/0', {
      method: 'OPTIONS',
      headers: { Origin: ALLOWED, 'Access-Control-Request-Method': 'PUT' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-methods']).toContain('PUT');
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization');
  });

  it.each([
    'https://share.example.co',
    'https://share.example.com.evil.com',
    'http://share.example.com',
    'https://evil.com',
    'https://hare.example.com',
    'null',
    'https://share.example.com:8443',
    'HTTPS://SHARE.EXAMPLE.COM',
  ])('gives %s nothing and lets it change nothing', async (origin) => {
    const read = await ask(url, '/api/cluster', { headers: { Origin: origin } });
    expect(read.headers['access-control-allow-origin']).toBeUndefined();
    const preflight = await ask(url, '/api/transfers', {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
    expect(preflight.headers['access-control-allow-origin']).toBeUndefined();
    expect(preflight.headers['access-control-allow-methods']).toBeUndefined();
    expect(await askJson(url, 'POST', '/api/transfers', file, { Origin: origin })).toMatchObject({
      status: 403,
      type: 'bad_origin',
    });
    expect(await ask(url, '/x.txt', { method: 'PUT', body: 'abc', headers: { Origin: origin } })).toMatchObject({
      status: 403,
      type: 'bad_origin',
    });
  });
});

describe('the session cookie', () => {
  it('is HttpOnly, SameSite=Lax and named after the cluster', async () => {
    const answer = await ask(url, '/api/session', { method: 'POST' });
    expect(answer.status).toBe(201);
    expect(answer.headers['set-cookie']?.[0]).toMatch(
      /^pl_[\w-]+=\w{43}; Max-Age=31622400; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const again = await ask(url, '/api/session', { method: 'POST', headers: { Cookie: answer.cookie, Origin: url } });
    expect(again.status).toBe(200);
    expect(again.json<{ session: { id: string } }>().session.id).toBe(
      answer.json<{ session: { id: string } }>().session.id,
    );
  });

  it('changes something only with our Origin and a JSON type', async () => {
    const Cookie = await newSession();
    const post = (headers: Record<string, string>, body = JSON.stringify(file)) =>
      ask(url, '/api/transfers', { method: 'POST', headers: { Cookie, ...headers }, body });
    const json = { 'Content-Type': 'application/json' };
    expect(await post(json)).toMatchObject({ status: 403, type: 'bad_origin' });
    expect(await post({ ...json, Origin: ALLOWED })).toMatchObject({ status: 403, type: 'bad_origin' });
    expect(await post({ ...json, Origin: 'https://evil.com' })).toMatchObject({ status: 403, type: 'bad_origin' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect(await post({ Origin: url, 'Content-Type': type })).toMatchObject({ status: 403, type: 'bad_origin' });
    }
    expect(await post({ Origin: url, 'Content-Type': 'application/json; charset=utf-8' })).toMatchObject({
      status: 201,
    });
  });

  it('lists the session its transfers, and no other session', async () => {
    const [mine, other] = [await newSession(), await newSession()];
    const opened = await askJson(url, 'POST', '/api/transfers', file, { Cookie: mine, Origin: url });
    const { id } = opened.json<{ transfer: { id: string } }>().transfer;
    expect((await ask(url, '/api/transfers', { headers: { Cookie: mine } })).body).toContain(id);
    expect((await ask(url, '/api/transfers', { headers: { Cookie: other } })).body).not.toContain(id);
    for (const headers of [{ Cookie: other, Origin: url }, {}] as Record<string, string>[]) {
      expect(await ask(url, `/api/transfers/${id}`, { headers })).toMatchObject({ status: 404, type: 'not_found' });
      expect(await ask(url, `/api/transfers/${id}/status`, { headers })).toMatchObject({ status: 404 });
      expect(await ask(url, `/api/transfers/${id}`, { method: 'DELETE', headers })).toMatchObject({ status: 404 });
      expect(await askJson(url, 'PATCH', `/api/transfers/${id}`, { maxDownloads: 1 }, headers)).toMatchObject({
        status: 404,
      });
    }
    // Read from a page of another origin, the cookie is left aside.
    expect(await ask(url, '/api/transfers', { headers: { Cookie: mine, Origin: ALLOWED } })).toMatchObject({
      status: 401,
    });
  });

  it('ends with the session', async () => {
    const Cookie = await newSession();
    expect(await ask(url, '/api/session', { headers: { Cookie } })).toMatchObject({ status: 200 });
    const ended = await ask(url, '/api/session', { method: 'DELETE', headers: { Cookie, Origin: url } });
    expect(ended.status).toBe(204);
    expect(ended.headers['set-cookie']?.[0]).toContain('Max-Age=0');
    expect(await ask(url, '/api/session', { headers: { Cookie } })).toMatchObject({ status: 401, type: 'bad_token' });
  });

  it('renames whose it is', async () => {
    const headers = { Cookie: await newSession(), Origin: url };
    expect((await askJson(url, 'PATCH', '/api/session', { displayName: 'Ada' }, headers)).body).toContain(
      '"displayName":"Ada"',
    );
    expect((await ask(url, '/api/session', { headers })).body).toContain('"displayName":"Ada"');
    expect(await askJson(url, 'PATCH', '/api/session', { displayName: 'a\u202Eb' }, headers)).toMatchObject({
      status: 400,
      type: 'bad_name',
    });
  });
});

describe('a transfer', () => {
  it('is opened once for one Idempotency-Key, and is deleted by the address with its token', async () => {
    const headers = { 'Idempotency-Key': 'k-1', Cookie: await newSession(), Origin: url };
    const [first, second] = [
      await askJson(url, 'POST', '/api/transfers', file, headers),
      await askJson(url, 'POST', '/api/transfers', file, headers),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    const { transfer, uploadToken } = first.json<{ transfer: { id: string }; uploadToken: string }>();
    expect(first.headers.location).toBe(`/api/transfers/${transfer.id}`);
    expect(second.json<{ transfer: { id: string } }>().transfer.id).toBe(transfer.id);
    expect(await ask(url, `/api/transfers/${transfer.id}?token=wrong`, { method: 'DELETE' })).toMatchObject({
      status: 404,
    });
    expect(await ask(url, `/api/transfers/${transfer.id}?token=${uploadToken}`, { method: 'DELETE' })).toMatchObject({
      status: 204,
    });
    expect(await ask(url, `/api/transfers/${transfer.id}?token=${uploadToken}`, { method: 'DELETE' })).toMatchObject({
      status: 204,
    });
  });

  it('with a password gives its grant as a cookie of the share only', async () => {
    const opened = await askJson(url, 'POST', '/api/transfers', { ...file, password: 'geheim' });
    const { shareId } = opened.json<{ transfer: { shareId: string } }>().transfer;
    expect((await ask(url, `/api/shares/${shareId}`)).json()).toMatchObject({ passwordRequired: true, files: [] });
    expect(await askJson(url, 'POST', `/api/shares/${shareId}/grant`, { password: 'falsch' })).toMatchObject({
      status: 401,
      type: 'bad_password',
    });
    const granted = await askJson(url, 'POST', `/api/shares/${shareId}/grant`, { password: 'geheim' });
    expect(granted.status).toBe(201);
    expect(granted.headers['set-cookie']?.[0]).toMatch(
      new RegExp(`^pl_grant=[^;]+; Max-Age=\\d+; Path=/d/${shareId}; HttpOnly; SameSite=Lax$`),
    );
    const { grant } = granted.json<{ grant: string }>();
    const shown = await ask(url, `/api/shares/${shareId}`, { headers: { Authorization: `Bearer ${grant}` } });
    expect(shown.json<{ files: unknown[] }>().files).toHaveLength(1);
  });

  it.each([
    [{ files: [] }, 400],
    [{ files: [{ path: 'a', sizeBytes: -1 }] }, 400],
    [{ files: [{ path: 'a', sizeBytes: 1.5 }] }, 400],
    [{ files: [{ path: 'a', sizeBytes: 2 ** 53 }] }, 400],
    [{ files: [{ path: 'a', sizeBytes: 2 ** 40 * 3 }] }, 413],
    [{ files: [{ path: 'a', sizeBytes: '3' }] }, 400],
    [{ files: [{ path: '../a', sizeBytes: 3 }] }, 400],
    [{ files: [{ path: 'a\u0000', sizeBytes: 3 }] }, 400],
    [{ ...file, extra: 1 }, 400],
    [{ ...file, maxDownloads: 0 }, 400],
    [[], 400],
    [null, 400],
    ['text', 400],
  ])('is refused with a type and stores nothing: %j', async (body, status) => {
    const answer = await askJson(url, 'POST', '/api/transfers', body);
    expect(answer.status).toBe(status);
    expect(answer.type).toBeDefined();
  });
});

describe('limits', () => {
  const padded = (bytes: number) => `{"files":[]${' '.repeat(bytes - 12)}}`;
  const post = (body: string | Uint8Array, isChunked = false) =>
    ask(url, '/api/transfers', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, isChunked });

  it.each([
    ['at', 0, 400, 'bad_request'],
    ['one over', 1, 413, 'too_large'],
    ['far over', 64 * 1024 * 1024, 413, 'too_large'],
  ])('a JSON body %s the limit', async (_where, overBytes, status, type) => {
    expect(await post(padded(MAX_JSON_BODY_BYTES + overBytes))).toMatchObject({ status, type });
    if (overBytes < 2)
      expect(await post(padded(MAX_JSON_BODY_BYTES + overBytes), true)).toMatchObject({ status, type });
  });

  it.each([
    ['/api/session', 'POST'],
    ['/api/operator/session', 'POST'],
    ['/api/shares/7YWHMfk9JZeLMg1ZauHuiS/grant', 'POST'],
  ])('a body of %s, which is no list, before it is read', async (path, method) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    const { answer } = await sendRaw(
      server.port,
      `${head}Origin: http://localhost\r\nContent-Length: ${MAX_SMALL_JSON_BODY_BYTES + 1}\r\n\r\n`,
      undefined,
      hasHead,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ['at', MAX_URL_BYTES, 404],
    ['one over', MAX_URL_BYTES + 1, 414],
    ['far over', 10 * MAX_URL_BYTES, 414],
  ])('an address %s the limit', async (_where, bytes, status) => {
    expect((await ask(url, `/${'a'.repeat(bytes - 1)}`)).status).toBe(status);
  });

  it.each([
    ['within', MAX_HEADER_BYTES - 500, 200],
    ['over', MAX_HEADER_BYTES + MAX_URL_BYTES, 431],
    ['far over', 4 * MAX_HEADER_BYTES, 431],
  ])('a header %s the limit', async (_where, bytes, status) => {
    expect((await ask(url, '/healthz', { headers: { 'X-Fill': 'a'.repeat(bytes) } })).status).toBe(status);
  });

  it('a header within the limit, beside the longest address', async () => {
    const headers = { 'X-Fill': 'a'.repeat(MAX_HEADER_BYTES - 500) };
    expect((await ask(url, `/${'a'.repeat(MAX_URL_BYTES - 1)}`, { headers })).status).toBe(404);
  });

  it.each([
    ['at', MAX_JSON_DEPTH, 'bad_request'],
    ['one over', MAX_JSON_DEPTH + 1, 'bad_json'],
    ['far over', 1_000_000, 'bad_json'],
  ])('JSON nested %s the limit', async (_where, depth, type) => {
    expect(await post('['.repeat(depth) + ']'.repeat(depth))).toMatchObject({ status: 400, type });
  });

  it('a body of another type, compressed, or in another encoding', async () => {
    const send = (headers: Record<string, string>, body: string | Uint8Array) =>
      ask(url, '/api/transfers', { method: 'POST', headers, body });
    expect(await send({ 'Content-Type': 'text/plain' }, '{}')).toMatchObject({
      status: 415,
      type: 'unsupported_media_type',
    });
    expect(await send({}, '{}')).toMatchObject({ status: 415 });
    expect(await send({ 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }, '{}')).toMatchObject({
      status: 415,
    });
    expect(await send({ 'Content-Type': 'application/json' }, Buffer.from([0xff, 0xfe, 0x7b, 0]))).toMatchObject({
      status: 400,
      type: 'bad_json',
    });
    expect(await send({ 'Content-Type': 'application/json' }, '{"files":')).toMatchObject({
      status: 400,
      type: 'bad_json',
    });
  });

  it('refuses by the header, before the body is sent', async () => {
    const head = [
      'POST /api/transfers HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      `Content-Length: ${MAX_JSON_BODY_BYTES + 1}`,
      'Expect: 100-continue',
    ];
    const { answer } = await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n`, undefined, hasHead);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).not.toContain('100 Continue');
  });

  it('asks for a body that may come, once', async () => {
    const body = JSON.stringify(file);
    const head = [
      'POST /api/transfers HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
    ];
    const { answer } = await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n${body}`);
    expect(answer.match(/100 Continue/g)).toHaveLength(1);
    expect(answer).toContain('HTTP/1.1 201 Created');
  });

  it('meets no other expectation', async () => {
    expect((await ask(url, '/api/transfers', { method: 'POST', headers: { Expect: 'wonders' } })).status).toBe(417);
  });
});

describe('what is no request', () => {
  it.each([
    ['noise', '\x16\x03\x01\x02\x00\x01\x00'],
    ['a method of its own', 'FOO\0 / HTTP/1.1\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two lengths', 'POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a bare newline in a header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\nEvil: c\r\n\r\n'],
  ])('%s is answered with 400 and the connection is closed', async (_what, text) => {
    const { answer, isClosed } = await sendRaw(server.port, text, 5_000);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(isClosed).toBe(true);
  });
});

describe('operation', () => {
  it('says that it lives, is ready, and which version it is', async () => {
    expect(await ask(url, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect((await ask(url, '/readyz')).json()).toEqual({ ready: true, parts: { services: true, database: true } });
    expect((await ask(url, '/version')).json()).toMatchObject({
      version: '2.0.0',
      storage: 'pglite',
      mode: 'embedded',
    });
  });

  it('shows metrics of what just happened', async () => {
    await ask(url, '/named-by-nobody.bin', { method: 'PUT', body: Buffer.alloc(12_345, 7) });
    const { body, headers } = await ask(url, '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(Number(/peerlink_client_bytes_total\{direction="in"\} (\d+)/.exec(body)?.[1])).toBeGreaterThanOrEqual(
      12_345,
    );
    // A busy machine makes the event loop late, and the node says so.
    expect(body).toMatch(/peerlink_node_state\{state="(healthy|degraded)"\} 1/);
    expect(body).toContain('peerlink_leader 1');
    expect(body).not.toContain('named-by-nobody');
  });

  it('names the cluster of one node, which leads itself', async () => {
    const answer = (await ask(url, '/api/cluster')).json<{
      epoch: number;
      nodes: { isLeader: boolean; state: string; load: number }[];
    }>();
    expect(answer.nodes).toHaveLength(1);
    expect(answer.nodes[0]).toMatchObject({ isLeader: true, publicUrl: null });
    expect(['healthy', 'degraded']).toContain(answer.nodes[0]?.state);
    expect(answer.epoch).toBeGreaterThan(0);
  });

  it('logs each request with its id and route, and no name, address or credential', async () => {
    const opened = await ask(url, '/my-secret-name.txt', {
      method: 'PUT',
      body: 'abc',
      headers: { 'X-Request-Id': 'logged-4711', Cookie: 'pl_x=hunter2' },
    });
    const deleteUrl = new URL(String(opened.headers['x-url-delete']));
    await ask(url, deleteUrl.pathname + deleteUrl.search, {
      method: 'DELETE',
      headers: { Authorization: 'Bearer hunter2' },
    });
    const log = server.log();
    expect(log).toContain('logged-4711');
    expect(log).toContain('"route":"/:name"');
    for (const secret of [
      'my-secret-name',
      'hunter2',
      String(deleteUrl.searchParams.get('token')),
      opened.body.trim().split('/').at(-1) ?? '?',
    ]) {
      expect(log).not.toContain(secret);
    }
  });
});
