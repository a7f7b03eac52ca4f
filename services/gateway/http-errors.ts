import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { ERROR_TYPES, type ErrorType, PeerLinkError, type ProblemDetails, typeOfFault } from '../contracts/errors.ts';

/** A short name of each type, the same for every occurrence (RFC 9457, section 3.1.4). */
const TITLES: Readonly<Record<ErrorType, string>> = {
  bad_request: 'The request is not well formed',
  bad_size: 'The size is not possible',
  bad_offset: 'The offset is not possible',
  bad_name: 'The name is not possible',
  bad_json: 'The body is no acceptable JSON',
  bad_run: 'The body is no run of whole chunks',
  bad_token: 'The credentials are missing or wrong',
  password_required: 'A password is needed',
  bad_password: 'The password is wrong',
  forbidden: 'Not allowed',
  bad_origin: 'The page asking may not do this',
  not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  request_timeout: 'The request took too long',
  chunk_conflict: 'The chunk was sent before with other bytes',
  superseded: 'A newer request took this over',
  not_accepted: 'Not accepted yet',
  key_reused: 'The Idempotency-Key came before with another request',
  stale_epoch: 'The transfer has changed hands',
  node_alive: 'The node is alive',
  moved: 'The transfer has moved',
  expired: 'The link has expired',
  used_up: 'All downloads are used up',
  ended: 'The transfer has ended',
  precondition_failed: 'A precondition failed',
  too_large: 'Too large',
  uri_too_long: 'The address is too long',
  unsupported_media_type: 'The media type is not accepted',
  range_not_satisfiable: 'The range cannot be served',
  expectation_failed: 'The expectation cannot be met',
  digest_mismatch: 'The bytes do not have their digest',
  rate_limited: 'Too many requests',
  too_many_transfers: 'Too many open transfers',
  slots_held: 'All download slots are held right now',
  headers_too_large: 'The header is too large',
  internal: 'Something went wrong here',
  unavailable: 'Not available right now',
  busy: 'Too busy right now',
  draining: 'This node is shutting down',
  disk_full: "The server's disk is full",
  damaged: 'Stored bytes are damaged',
  use_http: 'Too large for a message; use HTTP PUT',
};

/** Retry-After of 503s that name no time: long enough not to overload the server, short enough not to be noticed. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

/** Faults that Moleculer and moleculer-web make themselves, by name, since their classes do not cross processes. */
const FOREIGN_FAULTS: Readonly<Record<string, ErrorType>> = {
  RequestTimeoutError: 'unavailable',
  RequestSkippedError: 'unavailable',
  RequestRejectedError: 'unavailable',
  ServiceNotFoundError: 'unavailable',
  ServiceNotAvailableError: 'unavailable',
  ServiceUnavailableError: 'unavailable',
  BrokerDisconnectedError: 'unavailable',
  QueueIsFullError: 'busy',
  MaxCallLevelError: 'internal',
  ValidationError: 'bad_request',
  BadRequestError: 'bad_request',
  InvalidRequestBodyError: 'bad_json',
  PayloadTooLarge: 'too_large',
  NotFoundError: 'not_found',
  ForbiddenError: 'forbidden',
  UnAuthorizedError: 'bad_token',
  RateLimitExceeded: 'rate_limited',
  URIError: 'bad_request',
};

/** What to do about those of them that the asker has made; of the others the type says it. */
const FOREIGN_DETAILS: Partial<Record<string, string>> = {
  BadRequestError: 'The address is not valid percent-encoded UTF-8.',
  URIError: 'The address is not valid percent-encoded UTF-8.',
};

/** The one map from a thrown fault to its place in the closed list. */
export function errorTypeOfFault(fault: unknown): ErrorType {
  const own = typeOfFault(fault);
  if (own !== 'internal' || typeof fault !== 'object' || fault === null) return own;
  const { name } = fault as { name?: unknown };
  return typeof name === 'string' && Object.hasOwn(FOREIGN_FAULTS, name) ? (FOREIGN_FAULTS[name] ?? own) : own;
}

/** What the outside is told. A 5xx says only its title: no message, no data. */
export function problemOf(fault: unknown, requestId?: string): ProblemDetails {
  const type = errorTypeOfFault(fault);
  const { status, isRetryable } = ERROR_TYPES[type];
  const isOurFault = status >= 500;
  const own = isPeerLinkFault(fault) ? fault : undefined;
  const data = isOurFault ? committedOf(own?.data) : own?.data;
  const retryAfterSeconds =
    own?.retryAfterSeconds ?? (status === 503 && isRetryable ? DEFAULT_RETRY_AFTER_SECONDS : undefined);
  const detail = own?.message ?? FOREIGN_DETAILS[fault instanceof Error ? fault.name : ''];
  return {
    type: `urn:peerlink:error:${type}`,
    title: TITLES[type],
    status,
    ...(isOurFault || detail === undefined ? {} : { detail }),
    ...(data === undefined ? {} : { data }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

/** "A client's PUT is ended with the reason and the list of committed chunks": numbers only, whatever else there is. */
function committedOf(data: PeerLinkError['data']): PeerLinkError['data'] {
  const committed = data?.committed;
  const isPlace = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const isRange = (range: unknown) => Array.isArray(range) && range.length === 2 && range.every(isPlace);
  return Array.isArray(committed) && committed.every(isRange) ? { committed } : undefined;
}

/** Ours, also when it crossed the bus and lost its class but not its members. */
function isPeerLinkFault(fault: unknown): fault is Pick<PeerLinkError, 'message' | 'data' | 'retryAfterSeconds'> {
  if (fault instanceof PeerLinkError) return true;
  return fault instanceof Error && fault.name === 'PeerLinkError';
}

/** Bytes of a refused body that are still read, and how long, so that the client sees the answer and not a reset. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 2_000;

/** Writes the problem, or breaks the stream when the head is already sent: a clean end would present damage as success. */
export function answerFault(
  req: IncomingMessage,
  res: ServerResponse,
  context: { readonly requestId: string; readonly log: Logger },
  fault: unknown,
): void {
  const problem = problemOf(fault, context.requestId);
  logFault(context.log, problem, fault);
  if (res.headersSent) {
    res.destroy();
    return;
  }
  if (res.destroyed || req.socket.destroyed) return;
  const body = JSON.stringify(problem);
  res.statusCode = problem.status;
  for (const name of ['content-disposition', 'content-encoding', 'etag', 'accept-ranges', 'transfer-encoding']) {
    res.removeHeader(name);
  }
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.setHeader('Cache-Control', 'no-store');
  if (problem.retryAfterSeconds !== undefined) res.setHeader('Retry-After', Math.ceil(problem.retryAfterSeconds));
  finish(req, res, req.method === 'HEAD' ? '' : body);
}

/**
 * Sends an answer's body. When the request's own body is still on its way the connection is not used again, and what
 * comes is dropped for a moment before it is closed: closing at once would reset it and lose the answer.
 */
export function finish(req: IncomingMessage, res: ServerResponse, body: string | Uint8Array): void {
  if (req.complete || !hasBody(req)) {
    res.end(body);
    return;
  }
  res.setHeader('Connection', 'close');
  req.on('error', () => undefined);
  res.on('error', () => undefined);
  if (body.length > 0) res.write(body);
  else res.flushHeaders();
  let leftBytes = LINGER_BYTES;
  const close = () => {
    clearTimeout(timer);
    req.off('data', drop);
    res.end();
  };
  const drop = (part: Buffer) => {
    leftBytes -= part.length;
    // Not closed yet: a reset now could overtake the answer, and a client that cannot write on looks at it.
    if (leftBytes <= 0) req.pause();
  };
  const timer = setTimeout(close, LINGER_MS);
  req.once('end', close).once('close', close);
  req.on('data', drop);
  req.resume();
}

function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

function logFault(log: Logger, problem: ProblemDetails, fault: unknown): void {
  if (problem.status < 500) log.debug({ status: problem.status, type: problem.type }, 'request refused');
  else if (problem.status === 500) log.error({ err: fault, type: problem.type }, 'request failed');
  else
    log.warn({ status: problem.status, type: problem.type, reason: messageOf(fault) }, 'request could not be served');
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
