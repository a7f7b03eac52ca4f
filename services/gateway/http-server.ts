import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorType, PeerLinkError } from '../contracts/errors.ts';
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_REQUESTS_ON_A_CONNECTION,
  MAX_URL_BYTES,
  READER_IDLE_TIMEOUT_MS,
} from '../contracts/limits.ts';
import { boundConnections, uncountedNetworks } from './address-connections.ts';
import { problemOf } from './http-errors.ts';
import { refuseOnSocket } from './socket-refusal.ts';

export type Listener = (req: IncomingMessage, res: ServerResponse) => void;

/** How often Node looks for connections whose header is late: the time-out is kept to a second. */
const CONNECTIONS_CHECK_MS = 1_000;
/** A socket on which nothing at all moved is half open; every stream of ours has a shorter time-out of its own. */
const SOCKET_IDLE_TIMEOUT_MS = READER_IDLE_TIMEOUT_MS + 30_000;

/** The rest is for files: a node that cannot open them any more would fail every transfer instead of one client. */
const SOCKETS_SHARE_OF_FILES = 0.75;

/** How many files and sockets this process may have open; Node has raised it to the hard limit by now. */
function openFilesLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY; // Not Linux: MAX_CONNECTIONS alone holds.
  }
}

export interface HttpServerDeps {
  readonly listener: Listener;
  /** Gets every WebSocket upgrade. */
  readonly upgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** CIDR: everybody behind one of them has its address. */
  readonly trustedProxies?: readonly string[];
  /** For tests: the default is what limits.ts says. */
  readonly headersTimeoutMs?: number;
}

/** The one server of the process. It is not listening yet. */
export function createHttpServer(deps: HttpServerDeps): Server {
  const server = createServer({
    // The address is part of what Node counts, and has a limit of its own on top.
    maxHeaderSize: MAX_HEADER_BYTES + MAX_URL_BYTES,
    headersTimeout: deps.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
    // "Node's requestTimeout of 300 s cuts slow uploads: use an idle time-out instead."
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(CONNECTIONS_CHECK_MS, deps.headersTimeoutMs ?? CONNECTIONS_CHECK_MS),
    noDelay: true,
    // Node's own refusal says nothing: OpenAnswers makes one.
    requireHostHeader: false,
  });
  server.maxConnections = Math.min(MAX_CONNECTIONS, Math.floor(openFilesLimit() * SOCKETS_SHARE_OF_FILES));
  const maxOfAddress = Math.min(MAX_CONNECTIONS_PER_ADDRESS, Math.floor(server.maxConnections / 2));
  boundConnections(server, maxOfAddress, uncountedNetworks(deps.trustedProxies ?? []));
  server.timeout = SOCKET_IDLE_TIMEOUT_MS;
  const answers = new OpenAnswers();
  const admits = (req: IncomingMessage, res: ServerResponse) => {
    takeOriginForm(req);
    return answers.admit(req, res);
  };
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (admits(req, res)) deps.listener(req, res);
  });
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    if (!admits(req, res)) return;
    continueWhenRead(req, res);
    deps.listener(req, res);
  });
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    refuse(req, res, new PeerLinkError('expectation_failed', 'Only "Expect: 100-continue" can be met.'));
  });
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Frames, and "no upgrade", can only be said between answers, and our clients never pipeline.
    takeOriginForm(req);
    if (answers.count(socket) > 0 || hasTooManyHeaders(req)) socket.destroy();
    else if (isWebSocket(req)) deps.upgrade(req, socket, head);
    else serveWithoutUpgrade(server, req, socket, head);
  });
  server.on('clientError', (fault: ParseFault, socket: Duplex) => {
    // What is written now would be taken for the rest of the answer that is on its way.
    if (answers.hasBegun(socket)) socket.destroy();
    else answerClientError(clientFaultOf(fault, answers.unread(socket)), fault, socket);
  });
  return server;
}

/**
 * Node starts every pipelined request before the earlier ones are answered, so that one packet could create as many streams
 * and answers as it holds requests. Our clients never pipeline, so such a connection is closed.
 */
class OpenAnswers {
  readonly #bySocket = new WeakMap<Duplex, Set<ServerResponse>>();

  /** False: it is one too many, has too many headers or no Host, and the connection ends. */
  admit(req: IncomingMessage, res: ServerResponse): boolean {
    const open = this.#bySocket.get(req.socket) ?? new Set();
    if (open.size >= MAX_REQUESTS_ON_A_CONNECTION) {
      req.socket.destroy();
      return false;
    }
    this.#bySocket.set(req.socket, open.add(res));
    res.once('close', () => open.delete(res));
    const fault = headFaultOf(req);
    if (fault !== null) refuse(req, res, fault);
    return fault === null;
  }

  /** The request whose body is still coming. */
  unread(socket: Duplex): IncomingMessage | undefined {
    return [...(this.#bySocket.get(socket) ?? [])].find(({ req }) => !req.complete)?.req;
  }

  count(socket: Duplex): number {
    return this.#bySocket.get(socket)?.size ?? 0;
  }

  /** Some of an answer is out. */
  hasBegun(socket: Duplex): boolean {
    return [...(this.#bySocket.get(socket) ?? [])].some((res) => res.headersSent);
  }
}

function headFaultOf(req: IncomingMessage): PeerLinkError | null {
  if (hasTooManyHeaders(req)) {
    return new PeerLinkError('headers_too_large', `A request may have at most ${MAX_HEADERS} headers.`);
  }
  // "A server MUST respond with a 400 to any HTTP/1.1 request message that lacks a Host" (RFC 9112, section 3.2).
  const isHostMissing = req.headers.host === undefined && req.httpVersion === '1.1';
  return isHostMissing ? new PeerLinkError('bad_request', 'A request in HTTP/1.1 needs the header Host.') : null;
}

/** Node passes over those beyond a thousand, whatever they say: where the request came from, or how long its body is. */
function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_HEADERS;
}

/**
 * "A server MUST accept the absolute-form in requests" (RFC 9112, section 3.2.2): some clients send it on, as if to a proxy.
 * One of another host than the one in Host stays as it is, and is refused where it is routed.
 */
function takeOriginForm(req: IncomingMessage): void {
  const [, host, target = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(req.url ?? '') ?? [];
  if (host === undefined || host.toLowerCase() !== req.headers.host?.trim().toLowerCase()) return;
  req.url = target.startsWith('/') ? target : `/${target}`;
}

function isWebSocket(req: IncomingMessage): boolean {
  return (req.headers.upgrade ?? '').split(',').some((protocol) => protocol.trim().toLowerCase() === 'websocket');
}

/** Headers that offer another protocol, and nothing else. */
const OFFERS = new Set(['upgrade', 'http2-settings']);

/**
 * "A server MAY ignore a received Upgrade header field" (RFC 9110, section 7.8): `curl --http2` and Java's client offer HTTP/2
 * with a request that is whole without it. Once somebody listens for upgrades Node takes every offer for one, so the request
 * is read once more, without the offer, and whatever follows it.
 */
function serveWithoutUpgrade(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(at, at + 2);
    const key = name.toLowerCase();
    if (OFFERS.has(key)) continue;
    const kept =
      key === 'connection' ? value.split(',').filter((token) => !OFFERS.has(token.trim().toLowerCase())) : [value];
    if (kept.length > 0) lines.push(`${name}: ${kept.join(',')}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

/**
 * "Refusals come before the body": 100 Continue is sent when somebody begins to read the body, and not at all when
 * the answer is out by then.
 */
function continueWhenRead(req: IncomingMessage, res: ServerResponse): void {
  const writeContinue = res.writeContinue.bind(res);
  let isContinued = false;
  // Whoever reads may say it too: it is said once.
  res.writeContinue = (callback) => {
    if (!isContinued) writeContinue(callback);
    isContinued = true;
  };
  const onNewListener = (event: string | symbol) => {
    if (event !== 'data' && event !== 'readable') return;
    req.off('newListener', onNewListener);
    if (!res.headersSent && !res.destroyed) res.writeContinue();
  };
  req.on('newListener', onNewListener);
}

/** Before anybody has looked at the request. */
function refuse(req: IncomingMessage, res: ServerResponse, fault: PeerLinkError): void {
  const problem = problemOf(fault);
  res.writeHead(problem.status, { 'Content-Type': 'application/problem+json', Connection: 'close' });
  res.end(JSON.stringify(problem));
  req.resume();
}

interface ParseFault extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** What its parser says when a client has closed its side before its request was whole. */
const ENDED_TOO_SOON = 'HPE_INVALID_EOF_STATE';

/** @param req whose body was still coming */
function clientFaultOf(fault: ParseFault, req: IncomingMessage | undefined): PeerLinkError {
  if (fault.code === ENDED_TOO_SOON && req !== undefined) {
    const text = 'The body ended before it was as long as announced.';
    return new PeerLinkError(req.method === 'PUT' ? 'bad_run' : 'bad_request', text);
  }
  const type = typeOfClientFault(fault);
  return new PeerLinkError(type, CLIENT_FAULT_TEXTS[type] ?? 'This is no HTTP request.');
}

/** Which refusal a connection deserves that never became a request. */
function typeOfClientFault(fault: ParseFault): ErrorType {
  if (fault.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  if (fault.code !== 'HPE_HEADER_OVERFLOW') return 'bad_request';
  const lineEnd = fault.rawPacket?.indexOf('\n') ?? 0;
  return lineEnd === -1 || lineEnd > MAX_URL_BYTES ? 'uri_too_long' : 'headers_too_large';
}

const CLIENT_FAULT_TEXTS: Partial<Record<ErrorType, string>> = {
  request_timeout: 'The header of the request did not come in time.',
  uri_too_long: `An address may have at most ${MAX_URL_BYTES} bytes.`,
  headers_too_large: `Address and headers may have at most ${MAX_HEADER_BYTES + MAX_URL_BYTES} bytes together: send fewer cookies.`,
};

function answerClientError(refusal: PeerLinkError, fault: ParseFault, socket: Duplex): void {
  if (fault.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else refuseOnSocket(socket, refusal);
}
