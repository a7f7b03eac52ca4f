import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { openMany, ownAddress, sendRaw } from './edge-client.ts';

/** Three quarters of them are connections, half of those of one address. */
const OPEN_FILES = 400;
const MAX_OF_ADDRESS = 150;
const CONTENT = randomBytes(300_000);
const UNREAD = 'x'.repeat(100_000);

let server: TestServer;
let host = '';
let link = '';

beforeAll(async () => {
  server = await startServer({ launcher: ['prlimit', `--nofile=${OPEN_FILES}:${OPEN_FILES}`] });
  host = `localhost:${server.port}`;
  const put = await fetch(`${server.url}/a.bin`, { method: 'PUT', body: CONTENT });
  link = (await put.text()).trim();
}, 240_000);

/** What comes back on one connection until the server closes it, or all the answers that are expected are there. */
async function talk(text: string, answerCount = Number.POSITIVE_INFINITY) {
  const statusesOf = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
  const { answer, isClosed } = await sendRaw(server.port, text, 5_000, (all) => statusesOf(all).length === answerCount);
  const headEnd = answer.indexOf('\r\n\r\n');
  return { statuses: statusesOf(answer), head: answer.slice(0, headEnd), body: answer.slice(headEnd + 4), isClosed };
}

describe('a client of HTTP/1.0', () => {
  it('gets a file whole or in part without naming a host, in no encoding that it does not know', async () => {
    const { pathname } = new URL(link);
    const whole = await talk(`GET ${pathname} HTTP/1.0\r\n\r\n`);
    expect(whole).toMatchObject({ statuses: ['200'], isClosed: true });
    expect(Buffer.from(whole.body, 'latin1').equals(CONTENT)).toBe(true);
    const part = await talk(`GET ${pathname} HTTP/1.0\r\nRange: bytes=5-9\r\n\r\n`);
    expect(part).toMatchObject({ statuses: ['206'], isClosed: true });
    expect(Buffer.from(part.body, 'latin1').equals(CONTENT.subarray(5, 10))).toBe(true);
    for (const { head } of [whole, part]) expect(head).not.toMatch(/transfer-encoding/i);
  });

  it('sends a file', async () => {
    const sent = await talk('PUT /b.bin HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc');
    expect(sent).toMatchObject({ statuses: ['201'], isClosed: true });
    expect(await (await fetch(sent.body.trim())).text()).toBe('abc');
  });

  it('keeps its connection when it asks for that', async () => {
    const request = 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
    expect((await talk(request + request, 2)).statuses).toEqual(['200', '200']);
  });
});

describe('the address of a request', () => {
  it.each([
    ['/healthz', 200],
    ['/api/cluster?a=b', 200],
    ['', 200],
    ['?a=b', 200],
    ['//evil.example/', 400],
  ])('may be absolute, of the host in Host: %j', async (path, status) => {
    const asked = await talk(`GET HTTP://${host.toUpperCase()}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 1);
    const direct = await fetch(`${server.url}${path === '//evil.example/' ? '/' : path}`);
    expect(asked.statuses).toEqual([String(status)]);
    if (status === 200) expect(asked.head).toContain(`${direct.headers.get('content-type')}`);
  });

  it.each([`localhost:1`, `${'a.'.repeat(20)}example`, `user@localhost`])(
    'is refused when it is of another one: %s',
    async (other) => {
      const request = `GET http://${other}/healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
      expect((await talk(request, 1)).statuses).toEqual(['400']);
    },
  );

  it('may name the host with its last dot', async () => {
    const sent = await talk(
      `PUT /c.bin HTTP/1.1\r\nHost: localhost.:${server.port}\r\nOrigin: http://localhost.:${server.port}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`,
    );
    expect(sent.statuses).toEqual(['201']);
    expect(sent.body.trim()).toMatch(new RegExp(`^http://${host}/d/`));
  });
});

describe('a connection whose request was refused with its body unread', () => {
  const next = () => `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  it.each(['/healthz', '/api/nothing'])('is closed after the answer: %s', async (path) => {
    const refused = await talk(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${UNREAD.length}\r\n\r\n${UNREAD}${next()}`,
    );
    expect(refused.statuses).toHaveLength(1);
    expect(refused).toMatchObject({ isClosed: true, statuses: [expect.stringMatching(/^40[45]$/)] });
    expect(refused.head).toMatch(/^connection: close$/im);
    expect(JSON.parse(refused.body)).toMatchObject({ status: Number(refused.statuses[0]) });
  });

  it('goes on where the body was read: it is not taken for the next request', async () => {
    const type = 'Content-Type: application/json';
    const refused = await talk(
      `POST /api/transfers HTTP/1.1\r\nHost: ${host}\r\n${type}\r\nContent-Length: ${UNREAD.length}\r\n\r\n${UNREAD}${next()}`,
      2,
    );
    expect(refused.statuses).toEqual(['400', '200']);
  });
});

it("Python's urllib downloads in ranges, and is told of one that is none", async () => {
  const program = `
import hashlib, sys, urllib.error, urllib.request
def part(value):
    return urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={'Range': value}), timeout=10)
whole = b''
for value in ('bytes=0-99999', 'bytes=100000-299998', 'bytes=-1'):
    with part(value) as answer:
        assert answer.status == 206, answer.status
        whole += answer.read()
print(hashlib.sha256(whole).hexdigest() == hashlib.sha256(urllib.request.urlopen(sys.argv[1]).read()).hexdigest(), len(whole))
try:
    part('bytes=300000-')
except urllib.error.HTTPError as fault:
    print(fault.code, fault.headers['Content-Range'])
`;
  const { stdout } = await promisify(execFile)('python3', ['-c', program, link], { timeout: 30_000 });
  expect(stdout).toBe(`True ${CONTENT.length}\n416 bytes */${CONTENT.length}\n`);
}, 40_000);

describe('connections of one address', () => {
  it('are at most half of what the process may have, again and again; those of this machine are not counted', async () => {
    // On a machine without a network there is only itself.
    const address = ownAddress();
    const [to, isCounted] = address === undefined ? ['127.0.0.1', false] : [address, true];
    const own = await openMany(server.port, '127.0.0.1', MAX_OF_ADDRESS + 20);
    expect(own).toHaveLength(MAX_OF_ADDRESS + 20);
    for (const socket of own) socket.destroy();
    for (let times = 0; times < 3; times += 1) {
      let open: Socket[] = [];
      // The server may not have heard of the end of the others yet.
      await waitFor('all are served', 5_000, async () => {
        open = await openMany(server.port, to, MAX_OF_ADDRESS);
        const areAll = open.length === MAX_OF_ADDRESS;
        if (!areAll) for (const socket of open) socket.destroy();
        return areAll;
      });
      const more = await openMany(server.port, to, 1);
      expect(more).toHaveLength(isCounted ? 0 : 1);
      for (const socket of [...open, ...more]) socket.resetAndDestroy();
    }
  });
});
