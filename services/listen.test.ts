import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { listenOn } from './listen.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What Node says of a connection that the system could not give it. */
const notAccepted = () => Object.assign(new Error('accept ENOBUFS'), { code: 'ENOBUFS', syscall: 'accept' });

describe('a port that is listened on', () => {
  it('stays open when the system cannot give it a connection, and that is told once a minute at most', async () => {
    const told: unknown[] = [];
    const server = createServer((socket) => void socket.end('hello'));
    servers.push(server);
    const port = await listenOn(server, 0, (fault) => told.push((fault as NodeJS.ErrnoException).code));
    for (let time = 0; time < 100; time += 1) server.emit('error', notAccepted());
    const [greeting] = (await once(connect(port, '127.0.0.1'), 'data')) as [Buffer];
    expect([greeting.toString(), told]).toEqual(['hello', ['ENOBUFS']]);
  });

  it('is refused in words when another process has it', async () => {
    const first = createServer();
    const second = createServer();
    servers.push(first, second);
    const port = await listenOn(first, 0, () => undefined);
    expect((first.address() as AddressInfo).port).toBe(port);
    await expect(listenOn(second, port, () => undefined)).rejects.toThrow(
      `port ${port} is in use; set PORT to another one`,
    );
  });
});
