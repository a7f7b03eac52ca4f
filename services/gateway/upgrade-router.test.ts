import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { CHUNK_PATH, CONTROL_PATH } from '../contracts/socket.ts';
import { upgradeRouter } from './upgrade-router.ts';

/** What every client of Socket.IO 4 asks with. */
const SHAKE = '?EIO=4&transport=websocket';
const NOT_FOUND = { through: [], status: 'HTTP/1.1 404 Not Found', type: 'not_found' };

/** Who came through which door of a server that asked for this path, and what it was told; the other side never closes. */
async function ask(path: string, isForPeersOnly: boolean, origin = 'http://ours') {
  const through: string[] = [];
  const door = (name: string) => ({ upgrade: () => void through.push(name) });
  const server = createServer().on(
    'upgrade',
    upgradeRouter({
      control: door('control'),
      chunks: door('chunks'),
      isForPeersOnly,
      isOriginAllowed: (req) => req.headers.origin === 'http://ours',
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (part) => {
    answer += part.toString();
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  await waitFor('it is let in or answered', 5_000, () => through.length > 0 || answer !== '');
  socket.destroy();
  server.close();
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  if (body !== '') expect(head).toMatch(/^Content-Type: application\/problem\+json\r$/m);
  const type = body === '' ? undefined : (JSON.parse(body) as { type: string }).type.replace('urn:peerlink:error:', '');
  return { through, status: answer.split('\r\n', 1)[0], type };
}

describe('a WebSocket', () => {
  it('goes through the door that its path names, and is told where there is none', async () => {
    expect(await ask(`${CONTROL_PATH}/${SHAKE}`, false)).toEqual({ through: ['control'], status: '' });
    expect(await ask(`${CHUNK_PATH}/${SHAKE}`, false)).toEqual({ through: ['chunks'], status: '' });
    expect(await ask(`/elsewhere/${SHAKE}`, false)).toEqual(NOT_FOUND);
  });

  it('of a page that may not connect is refused as one, whatever else it asks', async () => {
    const refused = { through: [], status: 'HTTP/1.1 403 Forbidden', type: 'bad_origin' };
    expect(await ask(`${CONTROL_PATH}/${SHAKE}`, false, 'http://evil')).toEqual(refused);
    expect(await ask(`${CHUNK_PATH}/`, false, 'http://evil')).toEqual(refused);
  });

  it.each(['', '?EIO=4', '?EIO=3&transport=websocket', '?EIO=4&transport=polling', `${SHAKE}&sid=abc`])(
    'that shakes hands with %j, as no client of ours does, is told how',
    async (query) => {
      const refused = { through: [], status: 'HTTP/1.1 400 Bad Request', type: 'bad_request' };
      expect(await ask(`${CONTROL_PATH}/${query}`, false)).toEqual(refused);
    },
  );

  it('that breaks while it is refused ends itself, and not the process', () => {
    const nobody = { upgrade: () => undefined };
    const isOriginAllowed = () => true;
    const router = upgradeRouter({ control: nobody, chunks: nobody, isForPeersOnly: false, isOriginAllowed });
    const socket = new PassThrough();
    router({ url: '/elsewhere/' } as IncomingMessage, socket, Buffer.alloc(0));
    // Somebody must listen: Node throws an error that nobody takes.
    expect(() => socket.emit('error', new Error('ECONNRESET'))).not.toThrow();
    expect(socket.destroyed).toBe(true);
  });

  it('is refused by a node without a gateway, where it would be neither let in nor cut', async () => {
    for (const path of [CONTROL_PATH, CHUNK_PATH]) expect(await ask(`${path}/${SHAKE}`, true)).toEqual(NOT_FOUND);
  });
});
