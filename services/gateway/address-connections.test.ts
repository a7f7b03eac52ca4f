import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { boundConnections, uncountedNetworks } from './address-connections.ts';
import { isTrusted, parseTrustedNetworks } from './client-address.ts';

let server: Server;
let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  server.closeAllConnections();
  server.close();
});

/** A server that answers everything; another address of this machine is 127.0.0.2. */
async function start(maxConnections: number, uncounted: readonly string[]): Promise<number> {
  server = createServer((_req, res) => res.end('ok'));
  boundConnections(server, maxConnections, uncounted);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Whether the server answers on it, or has closed it. */
async function isServed(socket: Socket): Promise<boolean> {
  const end = Promise.race([
    once(socket, 'data').then(() => true),
    new Promise<boolean>((resolve) => socket.once('close', () => resolve(false))),
  ]);
  if (socket.destroyed) return false;
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return end;
}

describe('the connections of one address', () => {
  it('are so many at once, and again once others are closed; another address has its own', async () => {
    const port = await start(3, []);
    const first = [await open(port), await open(port), await open(port)];
    for (const socket of first) expect(await isServed(socket)).toBe(true);
    expect(await isServed(await open(port))).toBe(false);
    expect(await isServed(await open(port, '127.0.0.2'))).toBe(true);
    first[0]?.destroy();
    await waitFor('there is room again', 5_000, async () => isServed(await open(port)));
    expect(await isServed(await open(port))).toBe(false);
  });

  it('are counted once when their request is read again', async () => {
    const port = await start(2, []);
    const socket = await open(port);
    expect(await isServed(socket)).toBe(true);
    const announced = once(server, 'connection');
    const other = await open(port, '127.0.0.2');
    const [one] = (await announced) as [Socket];
    for (let times = 0; times < 3; times += 1) server.emit('connection', one);
    expect(await isServed(other)).toBe(true);
    expect(await isServed(await open(port, '127.0.0.2'))).toBe(true);
    expect(await isServed(await open(port))).toBe(true);
  });

  it('are not counted of trusted proxies and of this machine', async () => {
    const port = await start(1, ['127.0.0.1/32']);
    const many = await Promise.all(Array.from({ length: 5 }, () => open(port)));
    for (const socket of many) expect(await isServed(socket)).toBe(true);
    const networks = parseTrustedNetworks(uncountedNetworks(['10.0.0.0/8']));
    const isUncounted = (address: string) => isTrusted(address, networks);
    expect(['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3'].map(isUncounted)).toEqual([true, true, true, true]);
    expect(['192.0.2.1', '2001:db8::1'].map(isUncounted)).toEqual([false, false]);
  });
});
