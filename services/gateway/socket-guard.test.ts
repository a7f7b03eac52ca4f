import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Server } from 'socket.io';
import { type Socket as Client, io } from 'socket.io-client';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { waitFor } from '../../test/support/waiting.ts';
import { KIB, MAX_JSON_MEMBERS, MIB } from '../contracts/limits.ts';
import { HeldBytes } from '../kernel/held-bytes.ts';
import { FrameGuard, guardConnections } from './socket-guard.ts';

describe('frames of a connection', () => {
  const control = () => new FrameGuard({ maxAttachments: 0, maxTextChars: 100 });
  const chunks = () => new FrameGuard({ maxAttachments: 1, maxTextChars: 100 });

  it('are one CONNECT, then events and answers', () => {
    const guard = control();
    expect(
      ['0{"ticket":"x"}', '2["ping",{}]', '21["ping",{}]', '1', '31[1]'].map((frame) => guard.admits(frame)),
    ).toEqual([true, true, true, true, true]);
    expect([guard.admits('0'), guard.admits('0/other,')]).toEqual([false, false]);
  });

  it('are no binary where nothing is, declared or not', () => {
    expect(control().admits(Buffer.alloc(1))).toBe(false);
    for (const frame of ['51-["a"]', '50-["a"]', '5["a"]', '61-[]', '510-["a"]', '5-']) {
      expect([frame, control().admits(frame)]).toEqual([frame, false]);
    }
  });

  it('are one part for each event that declares one, at once', () => {
    const guard = chunks();
    for (let turn = 0; turn < 3; turn += 1) {
      expect([guard.admits('51-["chunk",{},{}]'), guard.admits(Buffer.alloc(3))]).toEqual([true, true]);
    }
    expect(guard.admits(Buffer.alloc(3))).toBe(false);
    const impatient = chunks();
    expect([impatient.admits('51-["chunk"]'), impatient.admits('2["ping"]')]).toEqual([true, false]);
    for (const frame of ['52-["chunk"]', '510-["chunk"]', '5100-["chunk"]', '50-["chunk"]', '59999999999-[]']) {
      expect([frame, chunks().admits(frame)]).toEqual([frame, false]);
    }
  });

  it('have as many members as a body may have: at, one over', () => {
    const guard = new FrameGuard({ maxAttachments: 0, maxTextChars: 8_000_000 });
    const frame = (count: number) => `2["transfer.open",${'0,'.repeat(count)}0]`;
    // One comma and one bracket are the event's own.
    expect([guard.admits(frame(MAX_JSON_MEMBERS - 2)), guard.admits(frame(MAX_JSON_MEMBERS - 1))]).toEqual([
      true,
      false,
    ]);
    expect(guard.admits(`2["x","${','.repeat(1_000_000)}"]`)).toBe(true);
  });

  it('are as long as a rule says: at, one over', () => {
    expect([control().admits('2'.repeat(100)), control().admits('2'.repeat(101))]).toEqual([true, false]);
  });
});

describe('any frames of a connection', () => {
  const MAX_TEXT_CHARS = 40;
  const start = fc.constantFrom(
    '0',
    '0{}',
    '1',
    '2',
    '2["x"]',
    '31[]',
    '4',
    '5',
    '50-',
    '51-["x"]',
    '51-',
    '52-',
    '6',
    '61-[]',
  );
  const text = fc.oneof(
    start,
    anyText(50),
    fc.tuple(start, anyText(40)).map((parts) => parts.join('')),
  );
  const frame = fc.oneof({ weight: 3, arbitrary: text }, { weight: 1, arbitrary: fc.constant(Buffer.alloc(1)) });

  it.each([0, 1])(
    'bring one CONNECT at most, no more than %i parts an event, and each part after its event',
    async (max) => {
      await fuzz(
        'frames of Socket.IO',
        fc.property(fc.array(frame, { maxLength: 8 }), (frames) => {
          const guard = new FrameGuard({ maxAttachments: max, maxTextChars: MAX_TEXT_CHARS });
          let connects = 0;
          let partsLeft = 0;
          for (const found of frames) {
            const isAdmitted = guard.admits(found);
            // Whoever sends one that is not is cut.
            if (!isAdmitted) return;
            if (typeof found !== 'string') {
              partsLeft -= 1;
              assert(partsLeft === 0);
              continue;
            }
            assert(partsLeft === 0 && found.length <= MAX_TEXT_CHARS);
            if (found.startsWith('0')) connects += 1;
            if (/^[56]/.test(found)) {
              assert(max === 1 && /^[56]0{0,2}1-/.test(found));
              partsLeft = 1;
            }
          }
          assert(connects <= 1);
        }),
      );
    },
  );
});

/** A whole message of engine.io's, masked. */
const PONG = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x33]);

/** One byte of a message that does not end: it costs far more than a byte to keep. */
const onePart = (isFirst: boolean) => Buffer.from([isFirst ? 0x01 : 0x00, 0x81, 0, 0, 0, 0, 0x32]);

describe('connections', () => {
  const held = new HeldBytes({ maxBytes: 200_000, sparedMs: 60_000, nowMs: () => performance.now() });
  const door = createServer();
  const server = new Server(door, { transports: ['websocket'], maxHttpBufferSize: 8_000_000 });
  guardConnections(server.engine, { maxAttachments: 0, maxTextChars: 8_000_000 }, held);
  let authorised = 0;
  server.use((_socket, next) => {
    authorised += 1;
    setImmediate(next);
  });
  server.on('connection', (socket) => socket.on('echo', (_text: unknown, done: () => void) => done()));
  const sockets: Client[] = [];
  let port = 0;
  beforeAll(async () => {
    await once(door.listen(0, '127.0.0.1'), 'listening');
    ({ port } = door.address() as AddressInfo);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect();
  });
  afterAll(() => server.close());

  const connected = async () => {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false, forceNew: true });
    sockets.push(socket);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    return socket;
  };

  it('that send binary or ask in many times at once are cut before it costs anything', async () => {
    const binary = await connected();
    binary.emit('echo', Buffer.alloc(10));
    await waitFor('it is cut', 5_000, () => !binary.connected);
    authorised = 0;
    const greedy = await connected();
    const engine = greedy.io.engine as unknown as { write(text: string): void };
    for (let turn = 0; turn < 500; turn += 1) engine.write('0');
    await waitFor('it is cut', 5_000, () => !greedy.connected);
    expect(authorised).toBe(1);
  });

  it('hold nothing once a message is whole, and are cut when unfinished ones are too much', async () => {
    const honest = await connected();
    await honest.timeout(5_000).emitWithAck('echo', 'x'.repeat(100_000));
    expect(held.bytes).toBe(0);
    // A text frame of a MB that does not end, 120 kB of it from each.
    const unfinished = await Promise.all([0, 1].map(() => upgraded(port)));
    for (const socket of unfinished) socket.write(Buffer.concat([frameHead(1_000_000), Buffer.alloc(120_000, 32)]));
    await waitFor('one of them is cut', 5_000, () => unfinished.some((socket) => socket.closed));
    expect(unfinished.filter((socket) => socket.closed)).toHaveLength(1);
    expect(held.bytes).toBeGreaterThanOrEqual(120_000);
    for (const socket of unfinished) socket.destroy();
    await waitFor('nothing is held', 5_000, () => held.bytes === 0);
  });

  it.each([
    ['a few bytes each', 20, Buffer.concat([frameHead(1_000_000), Buffer.alloc(12_000, 32)])],
    ['behind the end of another message', 4, Buffer.concat([PONG, frameHead(1_000_000), Buffer.alloc(60_000, 32)])],
    ['in a thousand parts', 1, Buffer.concat(Array.from({ length: 1_000 }, (_, part) => onePart(part === 0)))],
  ])('are counted from the first byte: %s', async (_how, count, bytes) => {
    const unfinished = await Promise.all(Array.from({ length: count }, () => upgraded(port)));
    for (const socket of unfinished) socket.write(bytes);
    await waitFor('one of them is cut', 5_000, () => unfinished.some((socket) => socket.closed));
    expect(held.bytes).toBeLessThanOrEqual(200_000);
    for (const socket of unfinished) socket.destroy();
    await waitFor('nothing is held', 5_000, () => held.bytes === 0);
  });

  it('that send pings and read nothing have one answer waiting, and who reads has each answered', async () => {
    const reading = await upgraded(port);
    let pongs = '';
    reading.setEncoding('latin1').on('data', (part: string) => {
      pongs += part;
    });
    reading.write(ping('one'));
    await waitFor('it is answered', 5_000, () => pongs.endsWith('\x8a\x03one'));
    reading.write(ping('two'));
    await waitFor('it is answered again', 5_000, () => pongs.endsWith('\x8a\x03two'));
    reading.destroy();
    const deaf = await upgraded(port);
    const theirs = engineConnectionsOf(server)[0]?.request.socket;
    deaf.pause();
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => ping('x'.repeat(125))));
    // Far more than the kernel takes for who does not read: 32 MB of answers.
    for (let turn = 0; turn < 250; turn += 1) if (!deaf.write(many)) await once(deaf, 'drain');
    deaf.write(ping('last'));
    await waitFor('all are read', 10_000, () => theirs?.bytesRead === deaf.bytesWritten);
    expect(theirs?.writableLength).toBeLessThan(MIB);
    deaf.destroy();
  });

  it('that send very many small frames are read once in a turn, and then others are', async () => {
    const flooding = await upgraded(port);
    let inThisTurn = 0;
    let most = 0;
    let total = 0;
    const [connection] = engineConnectionsOf(server);
    connection?.on('packet', () => {
      if (inThisTurn === 0) {
        setImmediate(() => {
          most = Math.max(most, inThisTurn);
          inThisTurn = 0;
        });
      }
      inThisTurn += 1;
      total += 1;
    });
    const count = 200_000;
    flooding.write(Buffer.concat(Array.from({ length: count }, () => PONG)));
    await waitFor('all have come', 20_000, () => total === count);
    // What one read brings, and not the 32 that are there.
    expect(most).toBeLessThan((2 * 64 * KIB) / PONG.length);
    flooding.destroy();
  });

  it.each([
    ['answers that nobody asked for', Buffer.concat(Array.from({ length: 100_000 }, () => emptyFrame(0x8a)))],
    // Fewer than the 16,384 for which ws ends the connection.
    [
      'messages in many empty parts',
      Buffer.concat(
        Array.from({ length: 10 }, () => [
          Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x33]),
          ...Array.from({ length: 15_000 }, () => emptyFrame(0x00)),
          emptyFrame(0x80),
        ]).flat(),
      ),
    ],
  ])('that send %s are read once in a turn', async (_what, frames) => {
    const flooding = await upgraded(port);
    const wire = engineConnectionsOf(server)[0]?.request.socket;
    let inThisTurn = 0;
    let most = 0;
    wire?.on('data', () => {
      if (inThisTurn === 0) {
        setImmediate(() => {
          most = Math.max(most, inThisTurn);
          inThisTurn = 0;
        });
      }
      inThisTurn += 1;
    });
    flooding.write(frames);
    try {
      await waitFor('all have come', 20_000, () => wire?.bytesRead === flooding.bytesWritten);
      // One that is under way when the pause begins may follow.
      expect(most).toBeLessThanOrEqual(2);
    } finally {
      flooding.destroy();
    }
  });

  it('that send whole messages ask for no room, also when there is none', async () => {
    const honest = await connected();
    const full = held.begin(() => undefined);
    expect(full.add(200_000)).toBe(true);
    for (let turn = 0; turn < 20; turn += 1) await honest.timeout(5_000).emitWithAck('echo', 'x'.repeat(500));
    full.end();
    expect(honest.connected).toBe(true);
  });
});

async function upgraded(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const head = [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  return socket.resume();
}

/** Of Engine.IO. */
interface EngineConnection {
  readonly request: { readonly socket: Socket };
  on(event: 'packet', listener: () => void): unknown;
}

function engineConnectionsOf({ engine }: Server): readonly EngineConnection[] {
  return Object.values((engine as unknown as { clients: Record<string, EngineConnection> }).clients);
}

/** Masked. @param first with the opcode; 0x80: the last part */
function emptyFrame(first: number): Buffer {
  return Buffer.from([first, 0x80, 0, 0, 0, 0]);
}

/** Masked, by a mask that changes nothing. */
function ping(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x89, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

/** Of a masked text frame, whose mask changes nothing. */
function frameHead(lengthBytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x81;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(lengthBytes), 2);
  return head;
}
