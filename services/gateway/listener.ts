import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { PeerLinkError } from '../contracts/errors.ts';
import { HEADER } from '../contracts/http.ts';
import { MAX_URL_BYTES } from '../contracts/limits.ts';
import type { Clock } from '../kernel/clock.ts';
import { isPageWanted } from '../kernel/preview-agents.ts';
import { spaced } from '../kernel/spaced.ts';
import type { DataPlane } from '../transfer/data-plane/data-plane.ts';
import { handleCors } from './cors.ts';
import { type EdgeContext, isMutating, type MakeContext } from './edge-context.ts';
import { answerFault, finish } from './http-errors.ts';
import type { Listener } from './http-server.ts';
import type { Pages } from './pages.ts';
import type { EdgeMetrics, Operations } from './ports.ts';
import { methodLabel, routeLabel } from './route-label.ts';
import { NOTHING_RUNS, setSecurityHeaders } from './security-headers.ts';

export interface ListenerDeps {
  readonly makeContext: MakeContext;
  readonly dataPlane: DataPlane;
  readonly pages: Pages;
  readonly operations: Operations;
  readonly metrics: EdgeMetrics;
  readonly isMetricsEnabled: boolean;
  /** This node has no gateway: it answers other nodes and health checks, but no clients. */
  readonly isForPeersOnly: boolean;
  /** The clock by which transfers and sessions expire. */
  readonly clock: Pick<Clock, 'now'>;
  /** moleculer-web, as middleware; `context` is remembered for its handlers. */
  readonly api: (req: IncomingMessage, res: ServerResponse, context: EdgeContext) => void;
  readonly log: Logger;
}

/** Requested often by machines; a log line for each would bury the rest. */
const QUIET_ROUTES = new Set(['/healthz', '/readyz', '/metrics', '/assets/*', '/api/operator/overview', '/peer/ping']);
const PAGE_PATHS = /^\/(mine|people(\/[^/]{1,64})?|cluster)?$/;
/** Named in the page's manifest. */
const SHARE_TARGET = '/share-target';

type Operation = (res: ServerResponse) => Promise<void>;

/** Every request enters here: bytes to the data plane, JSON to moleculer-web, the rest is answered at once. */
export function createListener(deps: ListenerDeps): Listener {
  const operations = operationRoutes(deps);
  return (req, res) => {
    const startedMs = performance.now();
    const context = contextOrRefusal(deps, req, res);
    if (context === null) return;
    res.setHeader(HEADER.requestId, context.requestId);
    setSecurityHeaders(req, res, context.isSecure);
    res.once('close', () => observe(deps, req, res, context, startedMs));
    try {
      route(deps, operations, req, res, context);
    } catch (fault) {
      answerFault(req, res, context, fault);
    }
  };
}

/** Unreadable headers fail this one request, never the whole process. */
function contextOrRefusal(deps: ListenerDeps, req: IncomingMessage, res: ServerResponse): EdgeContext | null {
  try {
    return deps.makeContext(req);
  } catch (fault) {
    deps.log.error({ err: fault }, 'a request whose headers could not be read');
    res.writeHead(400, { Connection: 'close' }).end();
    return null;
  }
}

function route(
  deps: ListenerDeps,
  operations: ReadonlyMap<string, Operation>,
  req: IncomingMessage,
  res: ServerResponse,
  context: EdgeContext,
): void {
  const url = req.url ?? '';
  if (url.length > MAX_URL_BYTES) {
    throw new PeerLinkError('uri_too_long', `An address may have at most ${MAX_URL_BYTES} bytes.`, {
      data: { limitBytes: MAX_URL_BYTES },
    });
  }
  // `http://other/` and `//other/` would be resolved as another host.
  if (!/^\/(?![/\\])/.test(url) && !(req.method === 'OPTIONS' && url === '*')) {
    throw new PeerLinkError('bad_request', 'The address must be a path; this is no proxy.');
  }
  if (req.method === 'POST' && context.path === SHARE_TARGET) {
    answerUnshared(req, res);
    return;
  }
  if (handleCors(req, res, context)) return;
  if (context.originRelation === 'foreign' && isMutating(req)) {
    throw new PeerLinkError(
      'bad_origin',
      "Pages of this origin may not change anything here. If it is PeerLink's own page, set PUBLIC_URL; if another's, list its origin in CORS_ORIGIN.",
    );
  }
  if (deps.isForPeersOnly && !context.path.startsWith('/peer/') && !operations.has(context.path)) throw notFound();
  if (deps.dataPlane.handle(req, res, context)) return;
  res.setHeader('Content-Security-Policy', NOTHING_RUNS);
  if (context.path.startsWith('/api/')) {
    // Not in Date: a machine's clock may be wrong, and a proxy replaces that header.
    res.setHeader(HEADER.serverTime, new Date(deps.clock.now()).toISOString());
    deps.api(req, res, context);
    return;
  }
  const operation = operations.get(context.path);
  const isPage = PAGE_PATHS.test(context.path);
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    if (operation === undefined && !isPage) throw notFound();
    // "An Allow field lists the methods supported" (RFC 9110, section 10.2.1): the data plane has taken what was PUT.
    res.setHeader('Allow', isPage ? 'GET, HEAD, PUT' : 'GET, HEAD');
    throw new PeerLinkError(
      'method_not_allowed',
      isPage ? 'Only GET, HEAD and PUT work here: curl -T sends a file.' : 'Only GET and HEAD work here.',
    );
  }
  if (operation !== undefined) {
    operation(res).catch((fault: unknown) => answerFault(req, res, context, fault));
    return;
  }
  if (isPage) {
    deps.pages.answerIndex(req, res);
    return;
  }
  if (deps.pages.answerAsset(req, res, context.path)) return;
  // A person who mistyped an address is told by the page; a program, and a page that asks for a file of its own, by JSON.
  if (isPageWanted(req.headers) && !context.path.startsWith('/assets/') && deps.pages.answerUnknown(req, res)) return;
  throw notFound();
}

/**
 * What another app shares with an installed page is taken by the page's own worker and never comes here. Where the
 * browser has lost the worker it does: nothing of it is kept, and the page says that it did not arrive.
 */
function answerUnshared(req: IncomingMessage, res: ServerResponse): void {
  res.statusCode = 303;
  res.setHeader('Location', '/?shared=missing');
  res.setHeader('Content-Length', 0);
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Security-Policy', NOTHING_RUNS);
  finish(req, res, '');
}

function notFound(): PeerLinkError {
  return new PeerLinkError('not_found', 'There is nothing at this address.');
}

function answerText(res: ServerResponse, status: number, contentType: string, body: string): void {
  res.statusCode = status;
  res.setHeader('Content-Type', contentType);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.setHeader('Cache-Control', 'no-store');
  res.end(body);
}

function operationRoutes(deps: ListenerDeps): ReadonlyMap<string, Operation> {
  const routes = new Map<string, Operation>([
    ['/healthz', async (res) => answerText(res, 200, 'text/plain; charset=utf-8', 'ok\n')],
    [
      '/readyz',
      async (res) => {
        const { isReady, parts } = await deps.operations.readiness();
        if (!isReady) res.setHeader('Retry-After', '1');
        answerText(res, isReady ? 200 : 503, 'application/json', JSON.stringify({ ready: isReady, parts }));
      },
    ],
    ['/version', async (res) => answerText(res, 200, 'application/json', JSON.stringify(deps.operations.version()))],
  ]);
  if (deps.isMetricsEnabled) {
    // Anybody may ask, and it takes milliseconds of everybody else's time.
    const metricsText = spaced(() => deps.operations.metricsText());
    routes.set('/metrics', async (res) => {
      const { contentType, body } = await metricsText();
      answerText(res, 200, contentType, body);
    });
  }
  return routes;
}

function observe(
  deps: ListenerDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: EdgeContext,
  startedMs: number,
): void {
  const seconds = (performance.now() - startedMs) / 1000;
  const route = routeLabel(req.method, context.path);
  // A client that left before an answer was begun: 499, as nginx calls it.
  const status = res.headersSent ? res.statusCode : 499;
  deps.metrics.observeRequest({ route, method: methodLabel(req.method), status, seconds });
  const level = QUIET_ROUTES.has(route) ? 'debug' : 'info';
  context.log[level](
    { method: methodLabel(req.method), route, status, ms: Math.round(seconds * 1000), isWhole: res.writableFinished },
    'request',
  );
}
