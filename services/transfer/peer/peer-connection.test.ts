import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import { BufferPool } from '../data-plane/buffer-pool.ts';
import { BodySender } from './body-sender.ts';
import { PeerAgent } from './peer-agent.ts';
import { PeerBody } from './peer-body.ts';
import type { PeerConnection } from './peer-connection.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const servers: Server[] = [];
const sockets = new Set<Socket>();
const agents: PeerAgent[] = [];

afterEach(() => {
  for (const agent of agents.splice(0)) agent.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
});

/** A server that does with each connection what it is told. */
async function serve(act: (socket: Socket) => void): Promise<URL> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    act(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
}

async function connectTo(origin: URL) {
  const agent = new PeerAgent(new BufferPool());
  agents.push(agent);
  return { agent, connection: await agent.acquire(origin) };
}

async function ask(origin: URL, options = { isBulk: true }) {
  const { agent, connection } = await connectTo(origin);
  return { agent, connection, body: begin(connection, options) };
}

function begin(connection: PeerConnection, options = { isBulk: true }): PeerBody {
  const body = new PeerBody(
    { resume: () => connection.resume(), abandon: (reason) => connection.destroy(reason) },
    options,
  );
  connection.begin(body);
  connection.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
  return body;
}

const answerOf = (lengthBytes: number) => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${lengthBytes}\r\n\r\n`);

async function readAll(body: PeerBody): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let piece = await body.next(); piece !== null; piece = await body.next()) {
    parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
    piece.release();
  }
  return Buffer.concat(parts);
}

/** Hands each buffer of a long answer to `onBody`, as `AnswerHandler` says, until its end. */
function readBulk(connection: PeerConnection, onBody: (lengthBytes: number) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.begin({
      isBulk: true,
      onHead: () => {},
      onBody: (lent) => {
        lent.release();
        return onBody(lent.bytes.length);
      },
      onEnd: resolve,
      onFault: reject,
    });
    connection.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
  });
}

const PERIOD = Uint8Array.from({ length: 251 }, (_, index) => index);
const pattern = (lengthBytes: number) => Buffer.alloc(lengthBytes, PERIOD);

describe('a connection to another node', () => {
  it('hands on a long body byte for byte, and serves the next request', async () => {
    const bytes = pattern(5 * MIB + 77);
    const origin = await serve((socket) =>
      socket.on('data', () => socket.write(Buffer.concat([answerOf(bytes.length), bytes]))),
    );
    const { agent, connection, body } = await ask(origin);
    expect((await body.head).status).toBe(200);
    expect((await readAll(body)).equals(bytes)).toBe(true);
    agent.release(origin, connection);
    const again = await agent.acquire(origin);
    expect(again).toBe(connection);
    expect((await readAll(begin(again))).equals(bytes)).toBe(true);
  });

  it('serves the next request although the last bytes before it were answered with a pause', async () => {
    const bytes = pattern(1_000);
    const origin = await serve((socket) =>
      socket.on('data', () => socket.write(Buffer.concat([answerOf(bytes.length), bytes]))),
    );
    const { connection } = await connectTo(origin);
    await new Promise<void>((resolve, reject) => {
      connection.begin({
        isBulk: false,
        onHead: () => {},
        onBody: () => false,
        onEnd: resolve,
        onFault: reject,
      });
      connection.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
    });
    expect((await readAll(begin(connection))).equals(bytes)).toBe(true);
  });

  it("reads at most 2 MiB and the kernel's buffers of what nobody takes, and all of it once somebody does", async () => {
    const bytes = pattern(64 * MIB);
    const origin = await serve((socket) =>
      socket.once('data', () => socket.write(Buffer.concat([answerOf(bytes.length), bytes]))),
    );
    const { body } = await ask(origin);
    const first = await body.next();
    // The body was not read further although its sender has sent all it can.
    const socket = [...sockets][0];
    let last = -1;
    const isStill = () => {
      const now = socket?.writableLength ?? 0;
      const is = now === last;
      last = now;
      return is;
    };
    while (!isStill()) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(last).toBeGreaterThan(32 * MIB);
    expect(body.progress).toBeNull();
    const start = Buffer.concat(first?.bytes ?? []);
    first?.release();
    expect(Buffer.concat([start, await readAll(body)]).equals(bytes)).toBe(true);
  });

  it('reads about 2 MiB in a turn of the event loop, however much has come', async () => {
    const bytes = pattern(64 * MIB);
    const origin = await serve((socket) =>
      socket.once('data', () => socket.write(Buffer.concat([answerOf(bytes.length), bytes]))),
    );
    const { connection } = await connectTo(origin);
    let turnBytes = 0;
    let mostBytes = 0;
    let gotBytes = 0;
    const count = () => {
      turnBytes = 0;
      turn = setImmediate(count);
    };
    let turn = setImmediate(count);
    await readBulk(connection, (lengthBytes) => {
      gotBytes += lengthBytes;
      turnBytes += lengthBytes;
      mostBytes = Math.max(mostBytes, turnBytes);
      return true;
    });
    clearImmediate(turn);
    expect(gotBytes).toBe(bytes.length);
    expect(mostBytes).toBeLessThan(3 * MIB);
  });

  it('stays paused when its turn is over too', async () => {
    const bytes = pattern(16 * MIB);
    const origin = await serve((socket) =>
      socket.once('data', () => socket.write(Buffer.concat([answerOf(bytes.length), bytes]))),
    );
    const { connection } = await connectTo(origin);
    let gotBytes = 0;
    let pauseBytes = 0;
    let isAsked = true;
    const unasked: number[] = [];
    await readBulk(connection, (lengthBytes) => {
      if (!isAsked) unasked.push(gotBytes);
      gotBytes += lengthBytes;
      pauseBytes += lengthBytes;
      // With the read that ends the turn; the head was read with the first bytes.
      if (pauseBytes < 2 * MIB - KIB) return true;
      pauseBytes = 0;
      isAsked = false;
      setTimeout(() => {
        isAsked = true;
        connection.resume();
      }, 5);
      return false;
    });
    expect([gotBytes, unasked]).toEqual([bytes.length, []]);
  });

  it.each([
    ['ends in the middle of a body', (socket: Socket) => socket.end(Buffer.concat([answerOf(100), pattern(50)]))],
    ['ends in the middle of a head', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncont')],
    ['ends without a word', (socket: Socket) => socket.end()],
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['answers garbage', (socket: Socket) => socket.write('garbage\r\n\r\n')],
    ['says more than its length', (socket: Socket) => socket.write(Buffer.concat([answerOf(1), pattern(50)]))],
  ])('tells who reads when the other side %s', async (_name, act) => {
    const origin = await serve((socket) => socket.once('data', () => act(socket)));
    const { body, connection } = await ask(origin);
    const outcome = await readAll(body).then(
      (bytes) => bytes.length,
      (fault: unknown) => fault,
    );
    // One byte was promised and came; what follows it only ends the connection.
    if (outcome !== 1) expect((outcome as Error).message).toMatch(/./);
    expect(connection.isIdle).toBe(false);
  });

  it('that nobody asked anything is closed by bytes that come', async () => {
    const origin = await serve((socket) => socket.once('data', () => socket.write(answerOf(0))));
    const { agent, connection, body } = await ask(origin);
    expect(await body.next()).toBeNull();
    agent.release(origin, connection);
    const [socket] = sockets;
    socket?.write('HTTP/1.1 200 OK\r\n\r\n');
    await once(socket as Socket, 'close');
    expect(await agent.acquire(origin)).not.toBe(connection);
  });

  it("says that the other node is unavailable when nobody listens, with the system's reason", async () => {
    const origin = await serve(() => {});
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    const fault = await ask(origin).catch((reason: unknown) => reason);
    expect(fault).toBeInstanceOf(PeerLinkError);
    expect((fault as PeerLinkError).type).toBe('unavailable');
    expect(((fault as Error).cause as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  it('is given up at once when its reader leaves', async () => {
    const origin = await serve((socket) => socket.once('data', () => socket.write(answerOf(1_000))));
    const { body } = await ask(origin);
    await body.head;
    const waiting = body.next();
    body.break(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    await once([...sockets].at(-1) as Socket, 'close');
  });
});

describe('a sender of bodies', () => {
  function sink() {
    const writes: { bytes: Buffer; taken: () => void }[] = [];
    return {
      writes,
      write: (list: readonly Uint8Array[], onTaken: () => void = () => {}) => {
        writes.push({ bytes: Buffer.concat(list), taken: onTaken });
      },
    };
  }

  it('gathers what comes in one turn in one write, and chunks it when there is no length', async () => {
    const out = sink();
    const sender = new BodySender({ sink: out, isChunked: true, hide: null, onRoom: () => {} });
    for (let index = 0; index < 4; index += 1) sender.push(Buffer.alloc(4, index));
    await new Promise((resolve) => setImmediate(resolve));
    sender.end();
    expect(out.writes.map(({ bytes }) => bytes.toString('latin1'))).toEqual([
      `10\r\n${'\0'.repeat(4)}${'\x01'.repeat(4)}${'\x02'.repeat(4)}${'\x03'.repeat(4)}\r\n`,
      '0\r\n\r\n',
    ]);
  });

  it('asks for no more at 2 MiB that nobody took, and again at half of it', () => {
    const out = sink();
    let rooms = 0;
    const sender = new BodySender({ sink: out, isChunked: false, hide: null, onRoom: () => (rooms += 1) });
    let pushes = 1;
    while (sender.push(Buffer.alloc(65_536))) pushes += 1;
    expect([pushes, sender.unsentBytes]).toEqual([32, 2 * MIB]);
    for (const { taken } of out.writes.slice(0, 1)) taken();
    expect(rooms).toBe(0);
    for (const { taken } of out.writes.slice(1, 2)) taken();
    expect(rooms).toBe(1);
  });
});
