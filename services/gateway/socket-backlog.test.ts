import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Server } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { waitFor } from '../../test/support/waiting.ts';
import { MAX_SOCKET_BACKLOG_AT_ONCE_BYTES, MAX_SOCKET_BACKLOG_BYTES } from '../contracts/limits.ts';
import { SocketBacklog } from './socket-backlog.ts';

const NEWS = 'x'.repeat(64 * 1024);
const opened: { http: HttpServer; io: Server; clients: Socket[] }[] = [];
afterEach(async () => {
  for (const { http, io, clients } of opened.splice(0)) {
    for (const client of clients) client.disconnect();
    await io.close();
    http.close();
  }
});

interface Wire {
  _socket: { pause(): void; resume(): void };
}

/** A server with two clients, one of which may stop to read while it stays connected. */
async function world() {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const clients = [0, 1].map(() => connect(url, { transports: ['websocket'], reconnection: false, forceNew: true }));
  opened.push({ http, io, clients });
  await waitFor('both are connected', 10_000, () => clients.every(({ connected }) => connected));
  const [reader, sleeper] = clients as [Socket, Socket];
  const heard = { count: 0 };
  reader.on('news', () => {
    heard.count += 1;
  });
  const time = { nowMs: 0 };
  const backlog = new SocketBacklog(() => time.nowMs);
  const wire = (sleeper.io.engine.transport as unknown as { ws: Wire }).ws._socket;
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
  return { io, backlog, time, reader, sleeper, wire, heard, fill };
}

describe('a connection that does not read what it is told', () => {
  it('is cut after a while, and those that read are not', async () => {
    const { io, backlog, time, reader, sleeper, wire, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.look(io)).toBe(0);
    time.nowMs += 29_999;
    expect(backlog.look(io)).toBe(0);
    time.nowMs += 1;
    expect(backlog.look(io)).toBe(1);
    await waitFor('it is gone', 5_000, () => [...io.of('/').sockets.keys()].join() === reader.id);
    wire.resume();
    await waitFor('it sees that', 5_000, () => !sleeper.connected);
    expect(reader.connected).toBe(true);
  });

  it('is let be when it reads again in time', async () => {
    const { io, backlog, time, wire, heard, sleeper, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_BYTES);
    expect(backlog.look(io)).toBe(0);
    wire.resume();
    let arrived = 0;
    sleeper.on('news', () => {
      arrived += 1;
    });
    await waitFor('it has read everything', 10_000, () => arrived >= heard.count && heard.count > 16);
    time.nowMs += 60_000;
    expect(backlog.look(io)).toBe(0);
    expect(sleeper.connected).toBe(true);
  });

  it('is cut at once when far too much waits for it', async () => {
    const { io, backlog, wire, fill } = await world();
    wire.pause();
    await fill(MAX_SOCKET_BACKLOG_AT_ONCE_BYTES);
    expect(backlog.look(io)).toBe(1);
  });
});
