import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach } from '@jest/globals';

const servers: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** Speaks just enough of Redis: answers each command by its name; null: says nothing. Gone when the test has ended. */
export async function pretendRedis(
  answer: (name: string) => string | null,
): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const [, name = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const text = answer(name.toLowerCase());
        if (text !== null) socket.write(text);
      }
    });
  });
  servers.push({ server, sockets });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
/** The answers of a Redis of this version. */
export const redisOf = (version: string) => (name: string) =>
  name === 'info' ? bulk(`# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`) : '+OK\r\n';
/** The answers of a sentinel that names this Redis, whatever the name it is asked for. */
export const sentinelOf = (host: string, port: number) => (name: string) =>
  name === 'sentinel' ? `*2\r\n${bulk(host)}${bulk(String(port))}` : '+OK\r\n';
