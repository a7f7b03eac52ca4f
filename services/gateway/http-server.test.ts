import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { typeOfFault } from '../contracts/errors.ts';
import {
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_HEADERS,
  MAX_REQUESTS_ON_A_CONNECTION,
  MAX_UNCOUNTED_BODY_BYTES,
  READER_IDLE_TIMEOUT_MS,
} from '../contracts/limits.ts';
import { HeldBytes } from '../kernel/held-bytes.ts';
import { createLogger } from '../logging.ts';
import { answerFault } from './http-errors.ts';
import { createHttpServer } from './http-server.ts';
import { readJsonBody } from './json-body.ts';

const HEADERS_TIMEOUT_MS = 300;
const BODY_TIMEOUT_MS = 300;
const log = createLogger({ level: 'silent' });
let server: Server;
let port = 0;

beforeAll(async () => {
  server = createHttpServer({
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    upgrade: (_req, socket) => void socket.destroy(),
    listener: (req, res) => {
      readJsonBody(req, { maxBytes: 100, maxDepth: 3, timeoutMs: BODY_TIMEOUT_MS }).then(
        (value) => res.end(JSON.stringify(value ?? null)),
        (fault: unknown) => answerFault(req, res, { requestId: 'r', log }, fault),
      );
    },
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Writes the parts, one a tick of 20 ms, and says what came back until the other side closed. */
function talk(parts: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    let index = 0;
    const socket = connect(port, '127.0.0.1');
    const timer = setInterval(() => {
      const part = parts[index];
      index += 1;
      if (part !== undefined) socket.write(part);
    }, 20);
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
  });
}

describe('the server', () => {
  it('has no time-out on a whole request, which would cut slow uploads, and one on a dead socket', () => {
    expect(server.requestTimeout).toBe(0);
    expect(server.timeout).toBeGreaterThan(READER_IDLE_TIMEOUT_MS);
    expect(server.maxConnections).toBeGreaterThan(0);
    expect(server.keepAliveTimeout).toBe(KEEP_ALIVE_TIMEOUT_MS);
  });

  it('cuts a header that never ends, also when it drips', async () => {
    const drip = ['GET / HTTP/1.1\r\nHost: x\r\n', ...Array.from({ length: 500 }, (_, index) => `X-${index}: y\r\n`)];
    const [silent, dripping] = await Promise.all([talk(['GET / HTTP/1.1\r\nHost: x\r\n']), talk(drip)]);
    expect(silent).toMatch(/^HTTP\/1\.1 408 [\s\S]*request_timeout/);
    expect(dripping).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('cuts a connection that says nothing', async () => {
    const startedMs = performance.now();
    await talk([]);
    expect(performance.now() - startedMs).toBeLessThan(10 * HEADERS_TIMEOUT_MS);
  });

  it('cuts a JSON body that never ends, also when it drips, and lets a refused client read the answer although it goes on sending', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ';
    // At once: each is listened to for two seconds after its answer.
    const [silent, dripping, refused] = await Promise.all([
      talk([`${head}90\r\n\r\n`, '{"a":']),
      talk([`${head}90\r\n\r\n`, ...'{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']),
      talk([`${head}99999999\r\n\r\n`, ...Array.from({ length: 100 }, () => 'x'.repeat(100_000))]),
    ]);
    expect(silent).toMatch(/^HTTP\/1\.1 408 [\s\S]*Connection: close[\s\S]*request_timeout/);
    expect(dripping).toMatch(/^HTTP\/1\.1 408 /);
    expect(refused).toMatch(/^HTTP\/1\.1 413 [\s\S]*too_large/);
  });

  it('answers in HTTP/1.1 who offers to go on in HTTP/2, body and all, and takes more requests on the connection', async () => {
    const offer =
      'Connection: Upgrade, HTTP2-Settings, keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';
    const head = `POST / HTTP/1.1\r\nHost: x\r\n${offer}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n`;
    const last = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const whole = await talk([`${head}{"a":1}`, last]);
    expect(whole).toMatch(/^HTTP\/1\.1 200 [\s\S]*\{"a":1\}HTTP\/1\.1 200 [\s\S]*null$/);
    const dripping = await talk([head, '{"a', '":2}', `GET / HTTP/1.1\r\nHost: x\r\n${offer}\r\n`, last]);
    expect(dripping).toMatch(/^HTTP\/1\.1 200 [\s\S]*\{"a":2\}HTTP\/1\.1 200 [\s\S]*nullHTTP\/1\.1 200 [\s\S]*null$/);
  });

  it('refuses a request of which it would not see all headers, with a body or an offer of another protocol, too', async () => {
    const request = (count: number, last: string) =>
      `POST / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(count - 2)}${last}\r\n\r\n`;
    expect(await talk([request(MAX_HEADERS, 'Connection: close')])).toMatch(/^HTTP\/1\.1 200 /);
    for (const count of [MAX_HEADERS + 1, 3_000]) {
      const answer = await talk([request(count, 'Content-Length: 40') + request(2, 'X: y')]);
      expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*headers_too_large/);
      expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
      const offer = request(count, 'Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 40');
      expect(await talk([offer + request(2, 'X: y')])).toBe('');
      const expecting = request(count - 1, 'Content-Length: 40\r\nExpect: 100-continue');
      expect(await talk([expecting])).toMatch(/^HTTP\/1\.1 431 /);
    }
  });

  it('says that HTTP/1.1 needs a Host, and asks none of HTTP/1.0', async () => {
    const refusal = await talk(['POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}']);
    expect(refusal).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*bad_request[\s\S]*needs the header Host/,
    );
    expect(await talk(['POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n'])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('says of a body that its client ended too soon that it did', async () => {
    const half = (method: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.setEncoding('latin1').on('data', (part: string) => {
          answer += part;
        });
        socket.on('end', () => {
          socket.destroy();
          resolve(answer);
        });
        socket.end(`${method} / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`);
      });
    expect(await half('PUT')).toMatch(/^HTTP\/1\.1 400 [\s\S]*:bad_run"[\s\S]*The body ended before/);
    expect(await half('POST')).toMatch(/^HTTP\/1\.1 400 [\s\S]*:bad_request"[\s\S]*The body ended before/);
  });

  it('does not keep a connection that is no HTTP and whose client never closes its side', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let isReset = false;
    socket.on('error', () => {
      isReset = true;
    });
    socket.resume().write('this is no request\r\n\r\n');
    await once(socket, 'end');
    // What is sent to a socket that nobody holds any more is answered by a reset.
    await waitFor('the connection is reset', 5_000, () => {
      if (!isReset) socket.write('.');
      return isReset;
    });
    socket.destroy();
  });

  it('goes over to no other protocol while an answer is under way', async () => {
    let isUpgraded = false;
    const slow = createHttpServer({
      upgrade: (_req, socket) => {
        isUpgraded = true;
        socket.destroy();
      },
      listener: (_req, res) => void setTimeout(() => res.end('late'), 100),
    }).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const socket = connect((slow.address() as AddressInfo).port, '127.0.0.1');
    const offer = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    socket.on('error', () => undefined).write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${offer}`);
    socket.resume();
    await waitFor('the connection has ended', 5_000, () => socket.closed);
    expect(isUpgraded).toBe(false);
    slow.close();
  });

  it('breaks an answer that has begun when what follows its request is no HTTP, and adds nothing to it', async () => {
    const begun = createHttpServer({
      upgrade: (_req, socket) => void socket.destroy(),
      listener: (_req, res) => {
        res.writeHead(200, { 'Content-Length': 1_000 });
        res.write('only this');
      },
    }).listen(0, '127.0.0.1');
    await once(begun, 'listening');
    const socket = connect((begun.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
      if (answer.endsWith('only this')) socket.write('this is no request\r\n\r\n');
    });
    socket.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor('the connection has ended', 5_000, () => socket.closed);
    expect(answer).toMatch(/\r\n\r\nonly this$/);
    begun.close();
  });

  it('reads a body split at every byte', async () => {
    const body = '{"ü":[1,"\\u00e9"]}';
    const head = `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const pieces = [...Buffer.from(body).toString('latin1')];
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(head);
        for (const piece of pieces) socket.write(piece, 'latin1');
      });
      socket.setNoDelay(true).on('data', (part) => {
        text += part.toString();
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toContain(JSON.stringify({ ü: [1, 'é'] }));
  });

  it('keeps the bytes of a body, and no object for each of the parts it came in', async () => {
    const req = Object.assign(new EventEmitter(), {
      headers: { 'transfer-encoding': 'chunked', 'content-type': 'application/json' },
    });
    const limits = { maxBytes: 10_000, maxDepth: 3, timeoutMs: 5_000 };
    const reading = readJsonBody(req as unknown as IncomingMessage, limits);
    const text = JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index));
    for (const sign of text) {
      const part = Buffer.from(sign);
      req.emit('data', part);
      // Whoever had kept the part itself would find this in it.
      part.fill('x');
    }
    req.emit('end');
    expect(JSON.stringify(await reading)).toBe(text);
  });

  it('is told at once of a client that leaves in the middle of its body', async () => {
    const gathered = new HeldBytes({ maxBytes: 100_000, sparedMs: 60_000, nowMs: () => performance.now() });
    const req = Object.assign(new EventEmitter(), {
      headers: { 'transfer-encoding': 'chunked', 'content-type': 'application/json' },
    });
    const limits = { maxBytes: 100_000, maxDepth: 3, timeoutMs: 60_000 };
    const reading = readJsonBody(req as unknown as IncomingMessage, limits, gathered);
    req.emit('data', Buffer.alloc(MAX_UNCOUNTED_BODY_BYTES + 7));
    expect(gathered.bytes).toBe(7);
    req.emit('close');
    await expect(reading).rejects.toMatchObject({ type: 'bad_request' });
    expect(gathered.bytes).toBe(0);
  });

  it('begins eight requests on a connection before it has answered one, and ends it with the ninth', async () => {
    const begun: ServerResponse[] = [];
    const waiting = createHttpServer({
      upgrade: (_req, socket) => void socket.destroy(),
      listener: (_req, res) => void begun.push(res),
    }).listen(0, '127.0.0.1');
    await once(waiting, 'listening');
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const ask = (count: number) => {
      const socket = connect((waiting.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => undefined).write(request.repeat(count));
      return socket.resume();
    };
    const most = ask(MAX_REQUESTS_ON_A_CONNECTION);
    await waitFor('all are begun', 5_000, () => begun.length === MAX_REQUESTS_ON_A_CONNECTION);
    for (const res of begun.splice(0)) res.end('answered');
    await once(most, 'data');
    // What was answered does not count any more.
    most.write(request.repeat(MAX_REQUESTS_ON_A_CONNECTION));
    await waitFor('they are begun again', 5_000, () => begun.length === MAX_REQUESTS_ON_A_CONNECTION);
    expect(most.closed).toBe(false);
    begun.length = 0;
    const tooMany = ask(60);
    await waitFor('it is ended', 5_000, () => tooMany.closed);
    expect(begun).toHaveLength(MAX_REQUESTS_ON_A_CONNECTION);
    most.destroy();
    waiting.closeAllConnections();
    waiting.close();
  });

  it('holds so many bytes of unfinished bodies and no more, whoever sends them', async () => {
    const gathered = new HeldBytes({ maxBytes: 100_000, sparedMs: 60_000, nowMs: () => performance.now() });
    const limits = { maxBytes: 200_000, maxDepth: 3, timeoutMs: 5_000 };
    const types: string[] = [];
    const small = createHttpServer({
      upgrade: (_req, socket) => void socket.destroy(),
      listener: (req, res) => {
        readJsonBody(req, limits, gathered).then(
          () => res.end('read'),
          (fault: unknown) => {
            types.push(typeOfFault(fault));
            answerFault(req, res, { requestId: 'r', log }, fault);
          },
        );
      },
    }).listen(0, '127.0.0.1');
    await once(small, 'listening');
    const send = (bytes: number, rest = 1) => {
      const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes + rest}\r\n\r\n`;
      const socket = connect((small.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => undefined).write(head + ' '.repeat(bytes));
      return socket;
    };
    const unfinished = [send(100_000), send(16_000)];
    await waitFor('the first body has come', 5_000, () => gathered.bytes === 100_000 - MAX_UNCOUNTED_BODY_BYTES);
    unfinished.push(send(80_000));
    await waitFor('the one that is too much is refused', 5_000, () => types.length > 0);
    expect(types).toEqual(['busy']);
    // A small one is always read; and what left leaves room.
    const [answer] = (await once(send(2, 0).end('{}'), 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 (?:200|400) /);
    for (const socket of unfinished) socket.destroy();
    await waitFor('nothing is held any more', 5_000, () => gathered.bytes === 0);
    small.closeAllConnections();
    small.close();
  });
});
