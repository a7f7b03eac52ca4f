import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { waitFor } from '../../test/support/waiting.ts';
import { SOCKET_CONNECT_TIMEOUT_MS } from '../contracts/limits.ts';
import { CONTROL_PATH } from '../contracts/socket.ts';
import { createLogger } from '../logging.ts';
import { type ControlSocketDeps, createControlSocket } from './control-socket.ts';
import { createContextMaker } from './edge-context.ts';
import { createRateLimits } from './rate-limit.ts';
import { createTickets } from './tickets.ts';
import { Watches } from './watches.ts';

type Middleware = (socket: Socket, next: (fault?: Error) => void) => void;

describe('connections for control', () => {
  const counted = { opened: 0, closed: 0 };
  const left: string[] = [];
  const watches = new Watches(() => 'w');
  const log = createLogger({ level: 'silent' });
  const noAnswer = async () => {
    throw new Error('nobody is asked');
  };
  const control = createControlSocket({
    makeContext: createContextMaker({
      settings: { publicUrl: null, corsOrigins: [], trustedProxies: [], clusterId: 'c' } as never,
      log,
      port: () => 0,
      resolveSession: noAnswer,
    }),
    tickets: createTickets(Buffer.alloc(32), () => Date.now()),
    call: noAnswer,
    isRevoked: () => false,
    rateLimits: createRateLimits({
      windowSeconds: 60,
      uploadsPerMinute: 1,
      downloadsPerMinute: 1,
      websocketMessagesPerMinute: 1,
    }),
    watches,
    recipients: { follow: () => undefined },
    people: { handlers: {} as ControlSocketDeps['people']['handlers'], removeSocket: () => void left.push('people') },
    inboxes: {
      handlers: {} as ControlSocketDeps['inboxes']['handlers'],
      removeSocket: () => void left.push('inboxes'),
    },
    metrics: {
      observeRequest: () => undefined,
      socketOpened: () => {
        counted.opened += 1;
      },
      socketClosed: () => {
        counted.closed += 1;
      },
    },
    nowMs: () => 0,
  });
  const { options, namespaces } = control.settings as {
    options: Partial<ServerOptions>;
    namespaces: { '/': { middlewares: Middleware[] } };
  };
  const server = new Server(control.door, options);
  const letIn: (() => void)[] = [];
  server.use((_socket, next) => void letIn.push(next));
  for (const middleware of namespaces['/'].middlewares) server.use(middleware);
  control.guard(server);
  const front = createServer().on('upgrade', (req, socket, head) => control.upgrade(req, socket, head));
  let url = '';
  beforeAll(async () => {
    await once(front.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await server.close();
    front.closeAllConnections();
    front.close();
  });
  const enter = () =>
    io(url, { path: CONTROL_PATH, transports: ['websocket'], reconnection: false, forceNew: true, autoUnref: true });

  it('are counted while they are open, and not when they were left before anybody said who it is', async () => {
    const stays = enter();
    const leaves = enter();
    await waitFor('both ask to be let in', 5_000, () => letIn.length === 2);
    leaves.io.engine.close();
    await waitFor('one has left', 5_000, () => server.engine.clientsCount === 1);
    for (const next of letIn) next();
    await waitFor('the other one is in', 5_000, () => stays.connected);
    expect([control.clientCount(), counted.opened - counted.closed]).toEqual([1, 1]);
    // What it follows, and where it is seen, ends with it.
    watches.add(stays.id ?? '', 'transfer', false);
    stays.disconnect();
    await waitFor('nobody is there', 5_000, () => server.engine.clientsCount === 0);
    expect([control.clientCount(), counted.opened - counted.closed]).toEqual([0, 0]);
    expect([watches.transferCount, left]).toEqual([0, ['people', 'inboxes']]);
  });

  it('are closed when they do not say who it is within ten seconds', () => {
    expect(server.connectTimeout()).toBe(SOCKET_CONNECT_TIMEOUT_MS);
  });
});
