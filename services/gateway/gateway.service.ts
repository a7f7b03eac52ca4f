import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Service, ServiceSchema } from 'moleculer';
import SocketIOService from 'moleculer-io';
import ApiGateway from 'moleculer-web';
import type { Logger } from 'pino';
import type { Server as IoServer } from 'socket.io';
import type { EventName, Events } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { Call } from '../define-service.ts';
import type { Clock } from '../kernel/clock.ts';
import { randomId } from '../kernel/ids.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { DataPlane } from '../transfer/data-plane/data-plane.ts';
import { createChunkSocket } from './chunk-socket.ts';
import { ClusterNews } from './cluster-news.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { createControlSocket, identityOf } from './control-socket.ts';
import type { EdgeContext, MakeContext } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';
import { answerFault } from './http-errors.ts';
import { createHttpServer } from './http-server.ts';
import { InboxEvents } from './inbox-events.ts';
import { createListener } from './listener.ts';
import type { Pages } from './pages.ts';
import { PeopleEvents } from './people-events.ts';
import type { EdgeMetrics, Operations, OperatorProof, People } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';
import { RecipientNews } from './recipient-news.ts';
import { clusterRoutes } from './routes/cluster.route.ts';
import { inboxRoutes } from './routes/inbox.route.ts';
import { offerRoutes } from './routes/offers.route.ts';
import { operatorRoutes } from './routes/operator.route.ts';
import { roomRoutes } from './routes/rooms.route.ts';
import { type ApiRoutes, aliasesOf, methodsOf } from './routes/route.ts';
import { sessionRoutes } from './routes/session.route.ts';
import { shareRoutes } from './routes/shares.route.ts';
import { statsRoutes } from './routes/stats.route.ts';
import { textRoutes } from './routes/texts.route.ts';
import { transferRoutes } from './routes/transfers.route.ts';
import { SocketBacklog } from './socket-backlog.ts';
import type { Tickets } from './tickets.ts';
import { upgradeRouter } from './upgrade-router.ts';
import { Watches } from './watches.ts';

const BACKLOG_LOOK_EVERY_MS = 1_000;

export interface GatewayDeps {
  readonly call: Call;
  /** The same at all nodes. */
  readonly clock: Clock;
  readonly settings: EdgeSettings;
  readonly makeContext: MakeContext;
  readonly rateLimits: RateLimits;
  readonly tickets: Tickets;
  readonly pages: Pages;
  readonly cluster: ClusterWatch;
  readonly dataPlane: DataPlane;
  readonly people: People;
  /** See HandshakeDeps. */
  readonly isRevoked: (sessionId: string) => boolean;
  /** See PeopleEventsDeps. */
  readonly localRoom: (handshake: IncomingMessage) => Promise<string | null>;
  readonly operations: Operations;
  readonly operator: OperatorProof;
  readonly metrics: EdgeMetrics;
  /** See ListenerDeps. */
  readonly isForPeersOnly: boolean;
  readonly log: Logger;
}

export interface Gateway {
  readonly schema: ServiceSchema;
  /** Not listening yet: the composition root says when. */
  readonly server: HttpServer;
  /** Open sockets on both paths. */
  socketCount(): number;
}

/** moleculer-web and moleculer-io on one server of ours. Nothing is reachable that is not listed here. */
export function createGateway(deps: GatewayDeps): Gateway {
  const contexts = new WeakMap<IncomingMessage, EdgeContext>();
  const contextOf = (req: IncomingMessage): EdgeContext => contexts.get(req) ?? deps.makeContext(req);
  const watches = new Watches(() => randomId(16));
  const news = new ClusterNews(deps);
  const people = new PeopleEvents({
    ...deps,
    nowMs: () => performance.now(),
    later: (delayMs, act) => void setTimeout(act, delayMs).unref(),
  });
  const onFault = (fault: unknown) => deps.log.warn({ err: fault }, 'people were not told what was sent');
  const inboxes = new InboxEvents({ ...deps, onFault });
  const recipients = new RecipientNews({ call: deps.call, watches, nowMs: () => performance.now(), onFault });
  const chunks = createChunkSocket(deps);
  const backlog = new SocketBacklog(() => performance.now());
  backlog.watch(chunks.io.engine);
  let watching: Loop | undefined;
  const control = createControlSocket({
    ...deps,
    watches,
    people,
    inboxes,
    recipients,
    nowMs: () => deps.clock.now(),
  });
  const routes = {
    ...sessionRoutes(deps),
    ...transferRoutes(deps),
    ...shareRoutes(deps),
    ...clusterRoutes(deps),
    ...statsRoutes(deps),
    ...roomRoutes(deps),
    ...offerRoutes(deps),
    ...inboxRoutes(deps),
    ...textRoutes(deps),
    ...operatorRoutes(deps),
  };
  let handleApi: Middleware = (_req, _res, next) => next(new PeerLinkError('unavailable', 'The gateway is starting.'));
  const server = createHttpServer({
    listener: createListener({
      ...deps,
      isMetricsEnabled: deps.settings.isMetricsEnabled,
      api: (req, res, context) => {
        contexts.set(req, context);
        handleApi(req, res, (fault) => answerFault(req, res, context, fault ?? notRouted(routes, res, context)));
      },
    }),
    upgrade: upgradeRouter({ control, chunks, isForPeersOnly: deps.isForPeersOnly }),
  });

  const schema: ServiceSchema = {
    name: 'gateway',
    mixins: [ApiGateway as unknown as ServiceSchema, SocketIOService],
    settings: webSettings(routes, contextOf),
    // The mixins' own actions would let any caller on the bus broadcast, list and change routes.
    actions: {
      listAliases: false,
      addRoute: false,
      removeRoute: false,
      call: false,
      broadcast: false,
      getClients: false,
    },
    methods: { socketAuthorize: control.authorize },
    events: {
      ...forwardedEvents(watches, inboxes),
      ...directEvents(inboxes, recipients),
      ...sessionEvents(chunks.io),
      ...clusterEvents(news),
    } satisfies Partial<Record<EventName, unknown>>,
    // "The `call` event exposes every action, even if you define only your own events (it is merged in)": so the
    // mixin's namespaces are replaced after the merge.
    merged: (merged: ServiceSchema) => {
      merged.settings = { ...merged.settings, io: control.settings };
    },
    created(this: Service) {
      this.server = control.door;
      handleApi = this.express() as Middleware;
    },
    started(this: Service) {
      control.guard(ioOf(this));
      backlog.watch(ioOf(this).engine);
      news.start((found) => ioOf(this).emit('cluster.changed', found));
      inboxes.start({
        isReady: (socketId) => !isBehind(ioOf(this), socketId),
        tell: (socketId, inbox) => void ioOf(this).to(socketId).emit('inbox.changed', inbox),
        tellProgress: (socketId, progress) => void ioOf(this).to(socketId).emit('inbox.progress', progress),
      });
      recipients.start(({ socketId, watchId }, list) => {
        ioOf(this).to(socketId).emit('transfer.recipients', { watchId, recipients: list });
      });
      people.start({
        isReady: (socketId) => !isBehind(ioOf(this), socketId),
        tell: (socketId, snapshot) => void ioOf(this).to(socketId).emit('people.changed', snapshot),
      });
      const look = async () => {
        const cutCount = backlog.look();
        if (cutCount > 0) deps.log.warn({ count: cutCount }, 'connections that did not read were cut');
      };
      watching = startLoop(BACKLOG_LOOK_EVERY_MS, look, onFault);
    },
    async stopped() {
      await Promise.all([news.stop(), inboxes.stop(), recipients.stop(), watching?.stop()]);
      await chunks.io.close();
    },
  };
  return { schema, server, socketCount: () => chunks.io.engine.clientsCount + control.clientCount() };
}

type Middleware = (req: IncomingMessage, res: ServerResponse, next: (fault?: unknown) => void) => void;

function webSettings(routes: ApiRoutes, contextOf: (req: IncomingMessage) => EdgeContext): object {
  return {
    // Handlers and their closures stay out of the registry that nodes exchange.
    $secureSettings: ['routes', 'io', 'rootCallOptions'],
    server: false,
    port: undefined,
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    logRouteRegistration: null,
    rootCallOptions: (options: { requestID?: string }, req: IncomingMessage) => {
      options.requestID = contextOf(req).requestId;
    },
    routes: [
      {
        path: '/api',
        aliases: aliasesOf(routes, contextOf),
        mappingPolicy: 'restrict',
        mergeParams: false,
        bodyParsers: false,
        logging: false,
        pathToRegexpOptions: { sensitive: true },
        onError: (req: IncomingMessage, res: ServerResponse, fault: unknown) =>
          answerFault(req, res, contextOf(req), fault),
      },
    ],
  };
}

function notRouted(routes: ApiRoutes, res: ServerResponse, context: EdgeContext): PeerLinkError {
  const methods = methodsOf(routes, context.path);
  if (methods.length === 0) return new PeerLinkError('not_found', 'There is nothing at this address of the API.');
  res.setHeader('Allow', methods.join(', '));
  return new PeerLinkError('method_not_allowed', `Only ${methods.join(', ')} work here.`, {
    data: { allowed: methods },
  });
}

const ioOf = (service: Service): IoServer => (service as unknown as { io: IoServer }).io;

/** Earlier messages are still unsent; engine.io shows that in a field that its types do not declare. */
function isBehind(io: IoServer, socketId: string): boolean {
  const conn = io.of('/').sockets.get(socketId)?.conn as unknown as
    | { readonly writeBuffer: readonly unknown[] }
    | undefined;
  return (conn?.writeBuffer.length ?? 0) > 0;
}

/** Bus events about a transfer, told to the sockets that follow it. */
function forwardedEvents(watches: Watches, inboxes: InboxEvents) {
  return {
    'transfer.progressed': {
      handler(this: Service, ctx: Context<Events['transfer.progressed']>) {
        const { transferId, ...progress } = ctx.params;
        for (const { socketId, watchId } of watches.of(transferId)) {
          ioOf(this)
            .to(socketId)
            .emit('transfer.progress', { watchId, ...progress });
        }
      },
    },
    'transfer.state.changed': {
      handler(this: Service, ctx: Context<Events['transfer.state.changed']>) {
        const { transferId, ...change } = ctx.params;
        inboxes.hearTransfer(transferId);
        for (const { socketId, watchId } of watches.of(transferId)) {
          ioOf(this)
            .to(socketId)
            .emit('transfer.state', { watchId, ...change });
        }
      },
    },
  };
}

/** Hints about direct sends: the people concerned who are connected here are sent what the rows say. */
function directEvents(inboxes: InboxEvents, recipients: RecipientNews) {
  return {
    'inbox.changed': {
      handler(ctx: Context<Events['inbox.changed']>) {
        inboxes.hear(ctx.params.sessionIds);
      },
    },
    'transfer.recipients.changed': {
      handler(ctx: Context<Events['transfer.recipients.changed']>) {
        const { transferIds, isAnswer } = ctx.params;
        recipients.hear(transferIds, isAnswer);
        if (isAnswer) for (const transferId of transferIds) inboxes.hearTransfer(transferId);
      },
    },
  };
}

/** "Revocation within 2 s on all nodes": the session's sockets are closed as soon as the event comes. */
function sessionEvents(chunkIo: IoServer) {
  return {
    'session.revoked': {
      handler(this: Service, ctx: Context<Events['session.revoked']>) {
        for (const socket of ioOf(this).of('/').sockets.values()) {
          if (identityOf(socket).sessionId === ctx.params.sessionId) socket.disconnect(true);
        }
        for (const socket of chunkIo.of('/').sockets.values()) {
          if ((socket.data as { sessionId?: string }).sessionId === ctx.params.sessionId) socket.disconnect(true);
        }
      },
    },
  };
}

function clusterEvents(news: ClusterNews) {
  return {
    'node.state.changed': {
      handler(ctx: Context<Events['node.state.changed']>) {
        news.hearState(ctx.params.state);
      },
    },
  };
}
