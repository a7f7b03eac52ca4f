import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ErrorType, PeerLinkError } from '../contracts/errors.ts';
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_HEADER_BYTES,
  MAX_REQUESTS_ON_A_CONNECTION,
  MAX_URL_BYTES,
  READER_IDLE_TIMEOUT_MS,
} from '../contracts/limits.ts';
import { problemOf } from './http-errors.ts';

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
    requireHostHeader: true,
  });
  server.maxConnections = Math.min(MAX_CONNECTIONS, Math.floor(openFilesLimit() * SOCKETS_SHARE_OF_FILES));
  server.timeout = SOCKET_IDLE_TIMEOUT_MS;
  const admits = boundedConnections();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (admits(req, res)) deps.listener(req, res);
  });
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    if (!admits(req, res)) return;
    continueWhenRead(req, res);
    deps.listener(req, res);
  });
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    refuseExpectation(res);
    req.resume();
  });
  server.on('upgrade', deps.upgrade);
  server.on('clientError', answerClientError);
  return server;
}

/**
 * Node starts every pipelined request before the earlier ones are answered, so that one packet could create as many streams
 * and answers as it holds requests. Our clients never pipeline, so such a connection is closed.
 */
function boundedConnections(): (req: IncomingMessage, res: ServerResponse) => boolean {
  const unfinished = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: number) => {
    const next = (unfinished.get(socket) ?? 0) + change;
    unfinished.set(socket, next);
    return next;
  };
  return (req, res) => {
    const { socket } = req;
    if (count(socket, 1) > MAX_REQUESTS_ON_A_CONNECTION) {
      socket.destroy();
      return false;
    }
    res.once('close', () => count(socket, -1));
    return true;
  };
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

function refuseExpectation(res: ServerResponse): void {
  const problem = problemOf(new PeerLinkError('expectation_failed', 'Only "Expect: 100-continue" can be met.'));
  res.writeHead(problem.status, { 'Content-Type': 'application/problem+json', Connection: 'close' });
  res.end(JSON.stringify(problem));
}

interface ParseFault extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** Which refusal a connection deserves that never became a request. */
export function typeOfClientFault(fault: ParseFault): ErrorType {
  if (fault.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  if (fault.code !== 'HPE_HEADER_OVERFLOW') return 'bad_request';
  const lineEnd = fault.rawPacket?.indexOf('\n') ?? 0;
  return lineEnd === -1 || lineEnd > MAX_URL_BYTES ? 'uri_too_long' : 'headers_too_large';
}

const CLIENT_FAULT_TEXTS: Partial<Record<ErrorType, string>> = {
  request_timeout: 'The header of the request did not come in time.',
  uri_too_long: `An address may have at most ${MAX_URL_BYTES} bytes.`,
  headers_too_large: `The header may have at most ${MAX_HEADER_BYTES} bytes.`,
};

function answerClientError(fault: ParseFault, socket: Duplex): void {
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const type = typeOfClientFault(fault);
  const problem = problemOf(new PeerLinkError(type, CLIENT_FAULT_TEXTS[type] ?? 'This is no HTTP request.'));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // The other side may never close: it is not waited for.
  setTimeout(() => socket.destroy(), 1_000).unref();
}
