import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { PeerAuth } from './peer-auth.ts';
import { PeerClient } from './peer-client.ts';
import { probe } from './probe.ts';

const netIo = loadNetIo({ useNative: true });
const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: PeerClient[] = [];
/** What is decided only at the deadline need not wait for three seconds here. */
const SHORT_MS = 350;

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
});

/** A node that does with each question what it is told; `question` counts them, `connection` how many it took. */
async function serve(act: (socket: Socket, question: number, connection: number) => void): Promise<string> {
  let questions = 0;
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      questions += 1;
      act(socket, questions, connection);
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function clientOf(urlOf: () => string | null): PeerClient {
  const auth = new PeerAuth({ secret: Buffer.from('a secret of this test'), nodeId: 'node-a', nowMs: Date.now });
  const client = new PeerClient({ auth, netIo, isObfuscated: false, urlOf: async () => urlOf(), countBytes: () => {} });
  clients.push(client);
  return client;
}

const yes = (socket: Socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n');
const no = (socket: Socket) => socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');

describe('a probe of a node that lives', () => {
  it('is answered although the connection that was kept for it breaks', async () => {
    const url = await serve((socket, question) => (question === 2 ? socket.resetAndDestroy() : yes(socket)));
    const client = clientOf(() => url);
    expect(await client.probe('node-h')).toBe('alive');
    expect(await client.probe('node-h')).toBe('alive');
  });

  it('is no refusal when a new connection is closed without an answer', async () => {
    const url = await serve((socket, question) => (question < 3 ? socket.destroy() : yes(socket)));
    expect(await clientOf(() => url).probe('node-h')).toBe('alive');
  });

  it('waits for its address to be known', async () => {
    const url = await serve(yes);
    let asked = 0;
    const client = clientOf(() => {
      asked += 1;
      return asked < 3 ? null : url;
    });
    expect(await client.probe('node-h')).toBe('alive');
  });
});

describe('a probe of a node that does not', () => {
  it('is refused where nobody listens, or another answers', async () => {
    const url = await serve(no);
    const client = clientOf(() => url);
    expect(await client.probe('node-h')).toBe('refused');
    const [server] = servers.splice(0);
    for (const socket of sockets) socket.destroy();
    server?.close();
    await once(server as Server, 'close');
    expect(await client.probe('node-h')).toBe('refused');
  });

  it('is silent at the deadline where nothing is answered, each connection is closed, or no address is known', async () => {
    const url = await serve(() => {});
    expect(await clientOf(() => url).probe('node-h', SHORT_MS)).toBe('silent');
    const closing = await serve((socket) => socket.destroy());
    expect(await clientOf(() => closing).probe('node-h', SHORT_MS)).toBe('silent');
    expect(await clientOf(() => null).probe('node-h', SHORT_MS)).toBe('silent');
  });
});

describe('what fails before anything was asked', () => {
  const failing = (code: string) => () => {
    const cause = Object.assign(new Error(code), { code });
    return Promise.reject(new PeerLinkError('unavailable', 'no answer', { cause }));
  };

  it('here says nothing of the other', async () => {
    for (const code of ['EMFILE', 'EADDRNOTAVAIL'])
      await expect(probe(failing(code), SHORT_MS)).rejects.toMatchObject({ type: 'unavailable' });
    const busy = () => Promise.reject(new PeerLinkError('busy', 'too much'));
    await expect(probe(busy, SHORT_MS)).rejects.toMatchObject({ type: 'unavailable' });
    let asked = 0;
    const soon = async () => {
      asked += 1;
      return asked < 3 ? busy() : 204;
    };
    expect(await probe(soon, SHORT_MS)).toBe('alive');
  });

  it('in the network is silence, and a name that is twice nobody’s is refused', async () => {
    expect(await probe(failing('EHOSTUNREACH'), SHORT_MS)).toBe('silent');
    let asked = 0;
    const nobody = () => {
      asked += 1;
      return failing('ENOTFOUND')();
    };
    expect(await probe(nobody, SHORT_MS)).toBe('refused');
    expect(asked).toBe(2);
  });
});
