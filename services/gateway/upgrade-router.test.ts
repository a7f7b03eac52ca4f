import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { CHUNK_PATH, CONTROL_PATH } from '../contracts/socket.ts';
import { upgradeRouter } from './upgrade-router.ts';

/** Who came through which door of a server that asked for this path, and what it was told; the other side never closes. */
async function ask(path: string, isForPeersOnly: boolean) {
  const through: string[] = [];
  const door = (name: string) => ({ upgrade: () => void through.push(name) });
  const server = createServer().on(
    'upgrade',
    upgradeRouter({ control: door('control'), chunks: door('chunks'), isForPeersOnly }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (part) => {
    answer += part.toString();
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  await waitFor('it is let in or answered', 5_000, () => through.length > 0 || answer !== '');
  socket.destroy();
  server.close();
  return { through, status: answer.split('\r\n', 1)[0] };
}

describe('a WebSocket', () => {
  it('goes through the door that its path names, and is told where there is none', async () => {
    expect(await ask(`${CONTROL_PATH}/?EIO=4`, false)).toEqual({ through: ['control'], status: '' });
    expect(await ask(`${CHUNK_PATH}/`, false)).toEqual({ through: ['chunks'], status: '' });
    expect(await ask('/elsewhere/', false)).toEqual({ through: [], status: 'HTTP/1.1 404 Not Found' });
  });

  it('that breaks while it is refused ends itself, and not the process', () => {
    const nobody = { upgrade: () => undefined };
    const router = upgradeRouter({ control: nobody, chunks: nobody, isForPeersOnly: false });
    const socket = new PassThrough();
    router({ url: '/elsewhere/' } as IncomingMessage, socket, Buffer.alloc(0));
    // Somebody must listen: Node throws an error that nobody takes.
    expect(() => socket.emit('error', new Error('ECONNRESET'))).not.toThrow();
    expect(socket.destroyed).toBe(true);
  });

  it('is refused by a node without a gateway, where it would be neither let in nor cut', async () => {
    const refused = { through: [], status: 'HTTP/1.1 404 Not Found' };
    expect([await ask(`${CONTROL_PATH}/`, true), await ask(`${CHUNK_PATH}/`, true)]).toEqual([refused, refused]);
  });
});
