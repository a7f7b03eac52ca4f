import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server, type Socket } from 'socket.io';
import { PeerLinkError } from '../contracts/errors.ts';
import {
  MAX_CHUNK_HEAD_BYTES,
  MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT,
  MAX_SOCKET_CHUNK_BYTES,
  MAX_SOCKET_CHUNKS_IN_FLIGHT,
  SOCKET_CONNECT_TIMEOUT_MS,
} from '../contracts/limits.ts';
import { CHUNK_PATH } from '../contracts/socket.ts';
import type { DataPlane } from '../transfer/data-plane/data-plane.ts';
import { acknowledged, acknowledgeOf } from './acknowledge.ts';
import { gatheredBytes } from './json-body.ts';
import type { EdgeMetrics } from './ports.ts';
import { parseAs } from './schemas.ts';
import { guardConnections } from './socket-guard.ts';
import { type HandshakeDeps, identify, isOriginAllowed, type SocketIdentity } from './socket-handshake.ts';

/** Room for the head beside the bytes; a longer message ends the connection. */
const MAX_MESSAGE_BYTES = MAX_SOCKET_CHUNK_BYTES + MAX_CHUNK_HEAD_BYTES;
/** "One chunk an event", and a head before it. */
const FRAMES = { maxAttachments: 1, maxTextChars: MAX_CHUNK_HEAD_BYTES };

/** A Socket.IO server whose upgrades are handed to it by us. */
export interface SocketServer {
  readonly io: Server;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface ChunkSocketDeps extends HandshakeDeps {
  readonly dataPlane: DataPlane;
  readonly metrics: EdgeMetrics;
}

/**
 * Socket.IO for bytes. A server of its own, because its messages are binary and longer than control messages.
 */
export function createChunkSocket(deps: ChunkSocketDeps): SocketServer {
  // Engine.IO wants to own an HTTP server; this one never listens and only passes upgrades on.
  const door = createServer();
  const io = new Server(door, {
    path: CHUNK_PATH,
    transports: ['websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    connectTimeout: SOCKET_CONNECT_TIMEOUT_MS,
    allowRequest: (req, done) => done(null, isOriginAllowed(deps.makeContext, req)),
  });
  guardConnections(io.engine, FRAMES, gatheredBytes);
  const flight = { count: 0 };
  const identities = new WeakMap<Socket, SocketIdentity>();
  io.use((socket, next) => {
    identify(deps, socket).then(
      (identity) => {
        identities.set(socket, identity);
        next();
      },
      (fault: Error) => next(fault),
    );
  });
  io.on('connection', (socket) => {
    const identity = identities.get(socket);
    if (identity === undefined) {
      socket.disconnect(true);
      return;
    }
    socket.data.sessionId = identity.sessionId;
    deps.metrics.socketOpened('chunks');
    socket.once('disconnect', () => deps.metrics.socketClosed('chunks'));
    receiveChunks(deps, socket, identity, flight);
  });
  return { io, upgrade: (req, socket, head) => void door.emit('upgrade', req, socket, head) };
}

function receiveChunks(
  deps: ChunkSocketDeps,
  socket: Socket,
  identity: SocketIdentity,
  flight: { count: number },
): void {
  const { context } = identity;
  let ownCount = 0;
  socket.use((event, next) => {
    if (event[0] === 'chunk') {
      next();
      return;
    }
    const refusal = async () => {
      throw new PeerLinkError('not_found', 'Only the event "chunk" is known here.');
    };
    void acknowledged(acknowledgeOf(event), context, refusal);
  });
  socket.on('chunk', (...args: unknown[]) => {
    const done = acknowledgeOf(args);
    const [head, bytes] = args;
    void acknowledged(done, context, async () => {
      if (ownCount >= MAX_SOCKET_CHUNKS_IN_FLIGHT || flight.count >= MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT) {
        throw new PeerLinkError('busy', 'Too many chunks without an acknowledgement.', { retryAfterSeconds: 1 });
      }
      if (!(bytes instanceof Uint8Array)) throw new PeerLinkError('bad_request', 'The second argument must be binary.');
      if (bytes.length > MAX_SOCKET_CHUNK_BYTES) {
        throw new PeerLinkError(
          'use_http',
          `An event carries at most ${MAX_SOCKET_CHUNK_BYTES} bytes; PUT larger chunks.`,
        );
      }
      const parsed = parseAs('chunkHead', head);
      ownCount += 1;
      flight.count += 1;
      try {
        return await deps.dataPlane.storeChunk(parsed, bytes, context);
      } finally {
        ownCount -= 1;
        flight.count -= 1;
      }
    });
  });
}
