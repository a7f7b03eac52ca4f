import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EdgeContext } from '../edge-context.ts';
import { finish } from '../http-errors.ts';
import { JSON_BODY_LIMITS, readJsonBody } from '../json-body.ts';

/** One request of the JSON API, as a route's handler sees it. */
export interface ApiRequest {
  readonly req: IncomingMessage;
  readonly context: EdgeContext;
  /** Parts of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  /**
   * @param maxBytes MAX_SMALL_JSON_BODY_BYTES unless a larger one makes sense
   * @throws unsupported_media_type, too_large, bad_json, request_timeout, busy
   */
  readonly body: (maxBytes?: number) => Promise<unknown>;
}
export interface ApiAnswer {
  readonly status: number;
  /** Absent: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
}
export type ApiHandler = (request: ApiRequest) => Promise<ApiAnswer>;
/** `GET /transfers/:id` -> handler; paths below /api. */
export type ApiRoutes = Readonly<Record<string, ApiHandler>>;

type AliasHandler = (req: IncomingMessage, res: ServerResponse, next: (fault?: unknown) => void) => void;

/** What moleculer-web leaves on a request it has matched. */
interface MatchedRequest extends IncomingMessage {
  readonly $params?: { readonly params?: Record<string, string> };
}

/** Makes handlers into moleculer-web aliases; each GET also answers HEAD. */
export function aliasesOf(
  routes: ApiRoutes,
  contextOf: (req: IncomingMessage) => EdgeContext,
): Record<string, AliasHandler> {
  const aliases: Record<string, AliasHandler> = {};
  for (const [address, handler] of Object.entries(routes)) {
    const alias: AliasHandler = (req: MatchedRequest, res, next) => {
      const request = {
        req,
        context: contextOf(req),
        params: req.$params?.params ?? {},
        body: (maxBytes = JSON_BODY_LIMITS.maxBytes) => readJsonBody(req, { ...JSON_BODY_LIMITS, maxBytes }),
      };
      handler(request)
        .then((answer) => send(req, res, answer), next)
        .catch(next);
    };
    aliases[address] = alias;
    if (address.startsWith('GET ')) aliases[address.replace('GET ', 'HEAD ')] = alias;
  }
  return aliases;
}

function send(req: IncomingMessage, res: ServerResponse, answer: ApiAnswer): void {
  if (res.destroyed) return;
  res.statusCode = answer.status;
  res.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(answer.headers ?? {})) res.setHeader(name, value);
  for (const cookie of answer.cookies ?? []) res.appendHeader('Set-Cookie', cookie);
  if (answer.body === undefined) {
    finish(req, res, '');
    return;
  }
  const body = JSON.stringify(answer.body);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  finish(req, res, req.method === 'HEAD' ? '' : body);
}

/** The methods that the API knows for this path, for 405 and its Allow header; empty: there is no such path. */
export function methodsOf(routes: ApiRoutes, path: string): readonly string[] {
  const methods = new Set<string>();
  for (const address of Object.keys(routes)) {
    const [method, template] = address.split(' ');
    const pattern = new RegExp(`^/api${(template ?? '').replace(/:\w+/g, '[^/]+')}/?$`);
    if (method === undefined || !pattern.test(path)) continue;
    methods.add(method);
    if (method === 'GET') methods.add('HEAD');
  }
  return [...methods];
}
