import { createServer, type IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { PeerLinkError } from '../contracts/errors.ts';
import {
  MAX_JSON_BODY_BYTES,
  SOCKET_CONNECT_TIMEOUT_MS,
  SOCKET_PING_EVERY_MS,
  SOCKET_PONG_WITHIN_MS,
} from '../contracts/limits.ts';
import { CONTROL_PATH, type ControlClientEvents } from '../contracts/socket.ts';
import { acknowledged, acknowledgeOf } from './acknowledge.ts';
import type { SocketServer } from './chunk-socket.ts';
import type { InboxEvents } from './inbox-events.ts';
import { gatheredBytes } from './json-body.ts';
import type { PeopleEvents } from './people-events.ts';
import type { EdgeMetrics } from './ports.ts';
import { type ControlDeps, type ControlHandler, controlHandlers } from './socket-events.ts';
import { guardConnections } from './socket-guard.ts';
import { type HandshakeDeps, identify, isOriginAllowed, type SocketIdentity } from './socket-handshake.ts';

export interface ControlSocketDeps extends ControlDeps, HandshakeDeps {
  readonly metrics: EdgeMetrics;
  readonly people: Pick<PeopleEvents, 'handlers' | 'removeSocket'>;
  readonly inboxes: Pick<InboxEvents, 'handlers' | 'removeSocket'>;
}

/** The configuration of moleculer-io, and the server through which ours hands it upgrades. */
export interface ControlSocket extends Pick<SocketServer, 'upgrade'> {
  /** moleculer-io attaches to it. It never listens. */
  readonly door: ReturnType<typeof createServer>;
  /** `settings.io`, to replace the mixin's. */
  readonly settings: object;
  readonly authorize: (socket: Socket) => Promise<SocketIdentity>;
  /** Once moleculer-io has made its server, before it is given an upgrade. */
  guard(io: Server): void;
  clientCount(): number;
}

/** "No control event carries binary." */
const FRAMES = { maxAttachments: 0, maxTextChars: MAX_JSON_BODY_BYTES };

type Handlers = Readonly<Partial<Record<keyof ControlClientEvents, ControlHandler>>>;

export function createControlSocket(deps: ControlSocketDeps): ControlSocket {
  const door = createServer();
  const handlers: Handlers = { ...controlHandlers(deps), ...deps.people.handlers, ...deps.inboxes.handlers };
  let count = 0;
  const events = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      function onEvent(this: Socket, ...args: unknown[]) {
        const identity = identityOf(this);
        const payload = typeof args[0] === 'function' ? undefined : args[0];
        const isConnected = () => this.connected;
        const message = { socketId: this.id, identity, payload, handshake: this.request, isConnected };
        void acknowledged(acknowledgeOf(args), identity.context, () => handler(message));
      },
    ]),
  );
  const onConnecting = (socket: Socket, next: (fault?: Error) => void) => {
    // Left while it was found out who it is: its end was told already, and Socket.IO lets nobody in behind this.
    if (socket.conn.readyState !== 'open') {
      next();
      return;
    }
    count += 1;
    deps.metrics.socketOpened('control');
    socket.conn.once('close', () => {
      count -= 1;
      deps.metrics.socketClosed('control');
      deps.watches.removeSocket(socket.id);
    });
    // A client may leave the namespace and keep the connection.
    socket.once('disconnect', () => {
      deps.people.removeSocket(socket.id);
      deps.inboxes.removeSocket(socket.id);
    });
    socket.use((event, nextEvent) => void admit(deps, handlers, identityOf(socket), event, nextEvent));
    next();
  };
  return {
    door,
    settings: {
      options: optionsOf(deps),
      namespaces: { '/': { authorization: true, middlewares: [onConnecting], events } },
    },
    authorize: (socket) => identify(deps, socket),
    guard: (io) => guardConnections(io.engine, FRAMES, gatheredBytes),
    clientCount: () => count,
    upgrade: (req, socket, head) => void door.emit('upgrade', req, socket, head),
  };
}

/** Counts every message. Events without a handler count too, and are answered instead of left unanswered. */
async function admit(
  deps: ControlSocketDeps,
  handlers: Handlers,
  identity: SocketIdentity,
  event: readonly unknown[],
  next: () => void,
): Promise<void> {
  try {
    await deps.rateLimits.consume('messages', identity.context.addressKey);
    if (!Object.hasOwn(handlers, String(event[0]))) throw new PeerLinkError('not_found', 'There is no such event.');
    next();
  } catch (fault) {
    await acknowledged(acknowledgeOf(event), identity.context, () => Promise.reject(fault as Error));
  }
}

function optionsOf(deps: ControlSocketDeps): object {
  return {
    path: CONTROL_PATH,
    transports: ['websocket'],
    // Compression cannot be negotiated in one direction only, and a client's 8 KiB may inflate to 8 MiB before it is authenticated.
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
    maxHttpBufferSize: MAX_JSON_BODY_BYTES,
    connectTimeout: SOCKET_CONNECT_TIMEOUT_MS,
    pingInterval: SOCKET_PING_EVERY_MS,
    pingTimeout: SOCKET_PONG_WITHIN_MS,
    allowRequest: (req: IncomingMessage, done: (fault: null, isAllowed: boolean) => void) =>
      done(null, isOriginAllowed(deps.makeContext, req)),
  };
}

/** What `authorize` answered: moleculer-io keeps it as `client.user`. */
export function identityOf(socket: Socket): SocketIdentity {
  return (socket.client as unknown as { user: SocketIdentity }).user;
}
