import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Server } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { waitFor } from '../../test/support/waiting.ts';
import { MAX_SOCKET_BACKLOG_AT_ONCE_BYTES, MAX_SOCKET_BACKLOG_BYTES, MIB } from '../contracts/limits.ts';
import { SocketBacklog } from './socket-backlog.ts';

const NEWS = 'x'.repeat(64 * 1024);
const opened: { http: HttpServer; io: Server; clients: Socket[] }[] = [];
afterEach(async () => {
  for (const { http, io, clients } of opened.splice(0)) {
    for (const client of clients) client.disconnect();
    // Who does not read does not see that it is to close either.
    for (const { request } of io.of('/').sockets.values()) request.socket.destroy();
    await io.close();
    http.close();
  }
});

interface Wire {
  _socket: { pause(): void; resume(): void };
}

/** A server with clients, the last of which may stop to read while it stays connected. */
async function world({ clientCount = 2, maxBytes = 1e9 } = {}) {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const time = { nowMs: 0 };
  const heard = { count: 0, questions: 0 };
  const backlog = new SocketBacklog(() => time.nowMs, maxBytes);
  backlog.watch(io.engine);
  io.on('connection', (socket) => {
    socket.on('ask', (sizeBytes: number, done: (text: string) => void) => {
      done('x'.repeat(sizeBytes));
      heard.questions += 1;
    });
  });
  const clients = Array.from({ length: clientCount }, () =>
    connect(url, { transports: ['websocket'], reconnection: false, forceNew: true }),
  );
  opened.push({ http, io, clients });
  await waitFor('all are connected', 10_000, () => clients.every(({ connected }) => connected));
  const [reader, sleeper] = [clients[0], clients.at(-1)] as [Socket, Socket];
  reader.on('news', () => {
    heard.count += 1;
  });
  const wireOf = (client: Socket) => (client.io.engine.transport as unknown as { ws: Wire }).ws._socket;
  const wire = wireOf(sleeper);
  /** As much as the kernel takes for a socket that nobody reads is not with us any more. */
  const fill = async (bytes: number) => {
    const { conn } = io.of('/').sockets.get(sleeper.id ?? '') ?? {};
    const waiting = () =>
      (conn as unknown as { readonly writeBuffer: readonly { readonly data?: string }[] }).writeBuffer.reduce(
        (sum, { data }) => sum + (data?.length ?? 0),
        0,
      );
    for (let told = 0; waiting() <= bytes && told < 10_000; told += 1) {
      io.emit('news', NEWS);
      if (told % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(waiting()).toBeGreaterThan(bytes);
  };
  return { io, backlog, time, clients, reader, sleeper, wire, wireOf, heard, fill };
}

describe('a connection that does not read what it is told', () => {
  it('is cut after a while, and those that read are not', async () => {
    const { io, backlog, time, reader, sleeper, wire, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.look()).toBe(0);
    time.nowMs += 29_999;
    expect(backlog.look()).toBe(0);
    time.nowMs += 1;
    expect(backlog.look()).toBe(1);
    await waitFor('it is gone', 5_000, () => [...io.of('/').sockets.keys()].join() === reader.id);
    wire.resume();
    await waitFor('it sees that', 5_000, () => !sleeper.connected);
    expect(reader.connected).toBe(true);
  });

  it('is let be when it reads again in time', async () => {
    const { backlog, time, wire, heard, sleeper, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.look()).toBe(0);
    wire.resume();
    let arrived = 0;
    sleeper.on('news', () => {
      arrived += 1;
    });
    await waitFor('it has read everything', 10_000, () => arrived >= heard.count && heard.count > 16);
    time.nowMs += 60_000;
    expect(backlog.look()).toBe(0);
    expect(sleeper.connected).toBe(true);
    // The next time it has its time again.
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.look()).toBe(0);
    wire.resume();
  });

  it('leaves nothing counted when it goes by itself', async () => {
    const { io, backlog, wire, sleeper, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.waitingBytes).toBeGreaterThan(MAX_SOCKET_BACKLOG_BYTES);
    io.of('/')
      .sockets.get(sleeper.id ?? '')
      ?.request.socket.destroy();
    await waitFor('nothing waits', 5_000, () => backlog.waitingBytes === 0);
  });

  it('costs for short messages more than their letters', async () => {
    const { io, backlog, sleeper } = await world();
    for (let told = 0; told < 100; told += 1) io.to(sleeper.id ?? '').emit('x');
    expect(backlog.waitingBytes).toBeGreaterThan(100 * 256);
  });

  it('is cut when one message lies with the transport and nothing behind it', async () => {
    const { io, backlog, time, sleeper, wire } = await world();
    wire.pause();
    io.to(sleeper.id ?? '').emit('news', 'x'.repeat(MAX_SOCKET_BACKLOG_AT_ONCE_BYTES - 1_000));
    expect(backlog.look()).toBe(0);
    time.nowMs += 30_000;
    expect(backlog.look()).toBe(1);
    expect(backlog.waitingBytes).toBe(0);
  });

  it('is cut at once when far too much waits for it', async () => {
    const { io, backlog, reader, sleeper, wire } = await world();
    wire.pause();
    for (let part = 0; part <= MAX_SOCKET_BACKLOG_AT_ONCE_BYTES / (4 * MIB); part += 1) {
      io.to(sleeper.id ?? '').emit('news', 'x'.repeat(4 * MIB));
    }
    await waitFor('it is gone', 5_000, () => [...io.of('/').sockets.keys()].join() === reader.id);
    expect(backlog.look()).toBe(1);
  });
});

describe('connections that do not read what they are told', () => {
  it('may keep so much all together, answers to what they asked included, and who keeps most goes first', async () => {
    const { io, backlog, time, clients, reader, wireOf, heard } = await world({ clientCount: 4, maxBytes: 30 * MIB });
    const [, little, much, more] = clients as [Socket, Socket, Socket, Socket];
    for (const client of [little, much, more]) wireOf(client).pause();
    const asked: readonly (readonly [Socket, number, number])[] = [
      [little, 8, 1],
      [much, 12, 10],
      [more, 12, 0],
    ];
    for (const [client, sizeMib, passedMs] of asked) {
      client.emit('ask', sizeMib * MIB, () => undefined);
      const before = heard.questions;
      await waitFor('it is answered', 5_000, () => heard.questions > before);
      time.nowMs += passedMs;
    }
    await waitFor('one is gone', 5_000, () => io.of('/').sockets.size === 3);
    expect([...io.of('/').sockets.keys()].sort()).toEqual([reader.id, little.id, more.id].sort());
    expect(backlog.waitingBytes).toBeLessThanOrEqual(30 * MIB);
    expect(backlog.look()).toBe(1);
  });

  it('cost nobody a connection who reads, however many are told much in one moment', async () => {
    const { io, backlog, clients } = await world({ clientCount: 6, maxBytes: MIB });
    let heard = 0;
    for (const client of clients) client.on('news', () => (heard += 1));
    for (let turn = 0; turn < 5; turn += 1) io.emit('news', NEWS);
    expect(backlog.waitingBytes).toBeGreaterThan(MIB);
    await waitFor('all have heard it', 5_000, () => heard === 30);
    await waitFor('nothing waits', 5_000, () => backlog.waitingBytes === 0);
    expect(clients.every(({ connected }) => connected)).toBe(true);
    expect(backlog.look()).toBe(0);
  });
});
