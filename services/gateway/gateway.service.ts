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
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { DataPlane } from '../transfer/data-plane/data-plane.ts';
import { createChunkSocket } from './chunk-socket.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { createControlSocket, identityOf } from './control-socket.ts';
import type { EdgeContext, MakeContext } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';
import { answerFault } from './http-errors.ts';
import { createHttpServer } from './http-server.ts';
import { createListener } from './listener.ts';
import { LiveNews } from './live-news.ts';
import type { Pages } from './pages.ts';
import type { EdgeMetrics, Operations, OperatorProof, People } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';
import { clusterRoutes } from './routes/cluster.route.ts';
import { inboxRoutes } from './routes/inbox.route.ts';
import { offerRoutes } from './routes/offers.route.ts';
import { operatorRoutes } from './routes/operator.route.ts';
import { roomRoutes } from './routes/rooms.route.ts';
import type { ApiRoutes } from './routes/route.ts';
import { sessionRoutes } from './routes/session.route.ts';
import { shareRoutes } from './routes/shares.route.ts';
import { statsRoutes } from './routes/stats.route.ts';
import { textRoutes } from './routes/texts.route.ts';
import { transferRoutes } from './routes/transfers.route.ts';
import { SocketBacklog } from './socket-backlog.ts';
import { isOriginAllowed } from './socket-handshake.ts';
import type { Tickets } from './tickets.ts';
import { upgradeRouter } from './upgrade-router.ts';
import { notRouted, webSettings } from './web-settings.ts';

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
  const news = new LiveNews(deps);
  const { watches, people, inboxes, recipients } = news;
  const chunks = createChunkSocket(deps);
  const nowMs = () => deps.clock.now();
  const control = createControlSocket({ ...deps, watches, people, inboxes, recipients, nowMs });
  const backlog = new SocketBacklog(() => performance.now());
  let watching: Loop | undefined;
  const routes = apiRoutes(deps);
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
    upgrade: upgradeRouter({
      control,
      chunks,
      isForPeersOnly: deps.isForPeersOnly,
      isOriginAllowed: (req) => isOriginAllowed(deps.makeContext, req),
    }),
    trustedProxies: deps.settings.trustedProxies,
  });

  const schema: ServiceSchema = {
    name: 'gateway',
    mixins: [ApiGateway as unknown as ServiceSchema, SocketIOService],
    settings: webSettings(routes, contextOf),
    actions: NO_ACTIONS,
    methods: { socketAuthorize: control.authorize, errorHandler: answerOnly },
    events: { ...news.busEvents(), ...sessionEvents(chunks.io) } satisfies Partial<Record<EventName, unknown>>,
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
      const io = ioOf(this);
      control.guard(io);
      for (const { engine } of [io, chunks.io]) backlog.watch(engine);
      watching = startLooking(backlog, deps.log);
      news.start(io);
    },
    async stopped() {
      await Promise.all([news.stop(), watching?.stop()]);
      await chunks.io.close();
    },
  };
  return { schema, server, socketCount: () => chunks.io.engine.clientsCount + control.clientCount() };
}

type Middleware = (req: IncomingMessage, res: ServerResponse, next: (fault?: unknown) => void) => void;

/** In place of moleculer-web's own, which also logs what `answerFault` logs: once more, as an error, without the request's id. */
function answerOnly(this: Service, req: IncomingMessage, res: ServerResponse, fault: unknown): void {
  this.sendError(req, res, fault);
}

/** The mixins' own actions would let any caller on the bus broadcast, list and change routes. */
const NO_ACTIONS: NonNullable<ServiceSchema['actions']> = {
  listAliases: false,
  addRoute: false,
  removeRoute: false,
  call: false,
  broadcast: false,
  getClients: false,
};

const apiRoutes = (deps: GatewayDeps): ApiRoutes => ({
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
});

const ioOf = (service: Service): IoServer => (service as unknown as { io: IoServer }).io;

function startLooking(backlog: SocketBacklog, log: Logger): Loop {
  const look = async () => {
    const cutCount = backlog.look();
    if (cutCount > 0) log.warn({ count: cutCount }, 'connections that did not read were cut');
  };
  const onFault = (fault: unknown) => log.warn({ err: fault }, 'connections that do not read were not looked for');
  return startLoop(BACKLOG_LOOK_EVERY_MS, look, onFault);
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
