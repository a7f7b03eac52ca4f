import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HELD_SPARED_MS, MAX_UNCOUNTED_ANSWER_BYTES, MAX_UNTAKEN_ANSWER_BYTES } from '../../contracts/limits.ts';
import { HeldBytes } from '../../kernel/held-bytes.ts';
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

/** Long answers whose clients have not taken them. */
const untakenAnswers = new HeldBytes({
  maxBytes: MAX_UNTAKEN_ANSWER_BYTES,
  sparedMs: HELD_SPARED_MS,
  nowMs: () => performance.now(),
});

/** Makes handlers into moleculer-web aliases; each GET also answers HEAD. */
export function aliasesOf(
  routes: ApiRoutes,
  contextOf: (req: IncomingMessage) => EdgeContext,
  untaken: HeldBytes = untakenAnswers,
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
        .then((answer) => send(req, res, answer, untaken), next)
        .catch(next);
    };
    aliases[address] = alias;
    if (address.startsWith('GET ')) aliases[address.replace('GET ', 'HEAD ')] = alias;
  }
  return aliases;
}

/** @throws busy */
function send(req: IncomingMessage, res: ServerResponse, answer: ApiAnswer, untaken: HeldBytes): void {
  if (res.destroyed) return;
  const body = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const lengthBytes = Buffer.byteLength(body);
  const isSent = req.method !== 'HEAD';
  if (isSent && lengthBytes > MAX_UNCOUNTED_ANSWER_BYTES) keepUntilTaken(req, res, lengthBytes, untaken);
  res.statusCode = answer.status;
  res.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(answer.headers ?? {})) res.setHeader(name, value);
  for (const cookie of answer.cookies ?? []) res.appendHeader('Set-Cookie', cookie);
  if (answer.body !== undefined) {
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.setHeader('Content-Length', lengthBytes);
  }
  finish(req, res, isSent ? body : '');
}

/** @throws busy */
function keepUntilTaken(req: IncomingMessage, res: ServerResponse, lengthBytes: number, untaken: HeldBytes): void {
  const holding = untaken.begin(() => req.socket.destroy());
  if (!holding.add(lengthBytes)) {
    throw new PeerLinkError('busy', 'Too many long answers have not been read.', { retryAfterSeconds: 1 });
  }
  res.once('close', () => holding.end());
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
