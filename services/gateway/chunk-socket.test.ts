import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { waitFor } from '../../test/support/waiting.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import {
  MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT,
  MAX_SOCKET_CHUNKS_IN_FLIGHT,
  SOCKET_CONNECT_TIMEOUT_MS,
} from '../contracts/limits.ts';
import { type Acknowledged, CHUNK_PATH } from '../contracts/socket.ts';
import type { Call } from '../define-service.ts';
import { createLogger } from '../logging.ts';
import { type ChunkSocketDeps, createChunkSocket } from './chunk-socket.ts';
import { createContextMaker } from './edge-context.ts';
import { createTickets } from './tickets.ts';

const ID = '123456789ABCDEFGHJKLMN';
const HEAD = { transferId: ID, uploadToken: 'token', fileIndex: 0, chunkIndex: 0 };

describe('chunks by sockets', () => {
  const tickets = createTickets(Buffer.alloc(32), () => Date.now());
  const stored = { count: 0, isFailing: false };
  let held: (() => void)[] | null = null;
  const storeChunk = async () => {
    stored.count += 1;
    const waiting = held;
    if (waiting !== null) await new Promise<void>((resolve) => waiting.push(resolve));
    if (stored.isFailing) throw new PeerLinkError('disk_full', 'It is full.');
    return { chunkIndex: 0, state: 'open', digest: null };
  };
  const chunks = createChunkSocket({
    makeContext: createContextMaker({
      settings: { publicUrl: null, corsOrigins: [], trustedProxies: [], clusterId: 'c' } as never,
      log: createLogger({ level: 'silent' }),
      port: () => 0,
      resolveSession: async () => null,
    }),
    tickets,
    call: (async () => ({ id: ID, displayName: 'Ada', expiresAt: '' })) as unknown as Call,
    isRevoked: () => false,
    dataPlane: { storeChunk } as unknown as ChunkSocketDeps['dataPlane'],
    metrics: { observeRequest: () => undefined, socketOpened: () => undefined, socketClosed: () => undefined },
  });
  const front = createServer().on('upgrade', (req, socket, head) => chunks.upgrade(req, socket, head));
  const clients: Socket[] = [];
  let url = '';
  beforeAll(async () => {
    await once(front.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    await chunks.io.close();
    front.close();
  });

  async function connected(): Promise<Socket> {
    const auth = { ticket: tickets.issue(ID).ticket };
    const client = io(url, { path: CHUNK_PATH, transports: ['websocket'], reconnection: false, forceNew: true, auth });
    clients.push(client);
    await waitFor('it is connected', 5_000, () => client.connected);
    return client;
  }
  const send = async (client: Socket): Promise<string> => {
    const answer = (await client.emitWithAck('chunk', HEAD, Buffer.alloc(1))) as Acknowledged<unknown>;
    return answer.ok ? 'ok' : answer.problem.type.slice('urn:peerlink:error:'.length);
  };

  it('are so many at once on a socket and on the node, and the next one is told to wait', async () => {
    held = [];
    const socketCount = MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT / MAX_SOCKET_CHUNKS_IN_FLIGHT;
    const full = await Promise.all(Array.from({ length: socketCount }, connected));
    const late = await connected();
    const [first] = full as [Socket];
    const sending = Array.from({ length: MAX_SOCKET_CHUNKS_IN_FLIGHT }, () => send(first));
    expect(await send(first)).toBe('busy');
    for (const other of full.slice(1)) {
      for (let count = 0; count < MAX_SOCKET_CHUNKS_IN_FLIGHT; count += 1) sending.push(send(other));
    }
    await waitFor('all are being stored', 5_000, () => held?.length === MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT);
    expect(await send(late)).toBe('busy');
    const waiting = held;
    held = null;
    for (const release of waiting) release();
    expect(new Set(await Promise.all(sending))).toEqual(new Set(['ok']));
    expect([await send(late), await send(first)]).toEqual(['ok', 'ok']);
  });

  it('leave their place to others however they end, as often as they come', async () => {
    const client = await connected();
    const before = stored.count;
    stored.isFailing = true;
    for (let count = 0; count <= MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT; count += 1)
      expect(await send(client)).toBe('disk_full');
    stored.isFailing = false;
    expect([await send(client), stored.count - before]).toEqual(['ok', MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT + 2]);
  });

  it('wait ten seconds for who asks to come in', () => {
    expect(chunks.io.connectTimeout()).toBe(SOCKET_CONNECT_TIMEOUT_MS);
  });
});
