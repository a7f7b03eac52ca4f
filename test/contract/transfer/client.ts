import { execFile } from 'node:child_process';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type {
  OpenFileRequest,
  OpenTransferRequest,
  OpenTransferResponse,
  PutRunResponse,
  TransferStatusResponse,
} from '../../../services/contracts/http.ts';
import { type ServerOptions, startServer, type TestServer } from '../../support/server.ts';
import { within } from '../../support/waiting.ts';

/** A client of the tests' own: it does what it is told, also what a decent one would not. */

/** Tests set limits by their names; these are out of the way of whoever does not test them. */
export const ROOMY_LIMITS = {
  MAX_CONCURRENT_TRANSFERS: '1000',
  MAX_CONCURRENT_UPLOADS: '200',
  MAX_CONCURRENT_DOWNLOADS: '200',
  RATE_LIMIT_UPLOADS_PER_MINUTE: '100000',
  RATE_LIMIT_DOWNLOADS_PER_MINUTE: '100000',
} as const;

export function startRoomyServer(options: ServerOptions = {}): Promise<TestServer> {
  return startServer({ readyDeadlineMs: 120_000, ...options, env: { ...ROOMY_LIMITS, ...options.env } });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of a problem, its type without the prefix; else undefined. */
  readonly type: string | undefined;
  json<T>(): T;
}

const DEADLINE_MS = 30_000;

export interface AskOptions {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

/** One request on a connection of its own, and its whole answer. Rejects when the connection broke before its end. */
export async function ask(url: string, method: string, options: AskOptions = {}): Promise<Answer> {
  const response = await begin(url, method, options);
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  if (!response.complete) throw new Error('the answer broke off');
  return answerOf(response, Buffer.concat(parts));
}

/** One request, and its answer as soon as its head is there. */
export function begin(url: string, method: string, options: AskOptions = {}): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    const isLengthSaid = options.body !== undefined && options.headers?.['transfer-encoding'] === undefined;
    const headers = { ...(isLengthSaid ? { 'content-length': String(options.body?.length) } : {}), ...options.headers };
    const req = request(url, { method, headers, agent: false }, resolve);
    req.on('error', reject);
    req.end(options.body);
  });
  return within(`${method} ${url}`, DEADLINE_MS, answered);
}

function answerOf(response: IncomingMessage, body: Buffer): Answer {
  const json = <T>() => JSON.parse(body.toString()) as T;
  const isProblem = response.headers['content-type']?.startsWith('application/problem+json') === true;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body,
    type: isProblem && body.length > 0 ? json<{ type: string }>().type.replace('urn:peerlink:error:', '') : undefined,
    json,
  };
}

export interface Opened {
  readonly id: string;
  readonly shareId: string;
  readonly token: string;
  /** Path of the share on the server asked. */
  readonly share: string;
  readonly answer: OpenTransferResponse;
}

/** POST /api/transfers without a session; throws what the server refused. */
export async function open(
  server: Pick<TestServer, 'url'>,
  files: readonly (Partial<OpenFileRequest> & { sizeBytes: number | null })[],
  more: Omit<OpenTransferRequest, 'files'> = {},
): Promise<Opened> {
  const named = files.map((file, index) => ({ path: `file-${index}.bin`, ...file }));
  const answer = await post(server, '/api/transfers', { files: named, ...more });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.body.toString()}`);
  const opened = answer.json<OpenTransferResponse>();
  const { id, shareId } = opened.transfer;
  return { id, shareId, token: opened.uploadToken, share: `${server.url}/d/${shareId}`, answer: opened };
}

export function post(server: Pick<TestServer, 'url'>, path: string, value: unknown): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(value));
  return ask(server.url + path, 'POST', { body, headers: { 'content-type': 'application/json' } });
}

export function put(
  server: Pick<TestServer, 'url'>,
  opened: Pick<Opened, 'id' | 'token'>,
  fileIndex: number | string,
  offset: number | string,
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const url = `${server.url}/api/transfers/${opened.id}/files/${fileIndex}?offset=${offset}`;
  return ask(url, 'PUT', { body, headers: { authorization: `Bearer ${opened.token}`, ...headers } });
}

/** PUT that must succeed. */
export async function putOk(
  server: Pick<TestServer, 'url'>,
  opened: Opened,
  fileIndex: number,
  offset: number,
  body: Uint8Array,
): Promise<PutRunResponse> {
  const answer = await put(server, opened, fileIndex, offset, body);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.toString()}`);
  return answer.json<PutRunResponse>();
}

export async function statusOf(
  server: Pick<TestServer, 'url'>,
  opened: Pick<Opened, 'id' | 'token'>,
): Promise<TransferStatusResponse> {
  const answer = await ask(`${server.url}/api/transfers/${opened.id}/status`, 'GET', {
    headers: { authorization: `Bearer ${opened.token}` },
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.toString()}`);
  return answer.json<TransferStatusResponse>();
}

/** A connection on which a test writes what it likes. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came so far, as Latin-1. */
  text(): string;
  /** Resolves when the other side closed. */
  readonly closed: Promise<void>;
}

export function rawConnection(server: Pick<TestServer, 'port'>): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    const closed = new Promise<void>((done) => void socket.once('close', () => done()));
    socket.once('error', reject);
    socket.once('connect', () => {
      // A reset is one way to close.
      socket.off('error', reject).on('error', () => {});
      resolve({ socket, text: () => text, closed });
    });
  });
}

export interface CurlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the curl of this system. */
export function curl(args: readonly string[], options: { cwd?: string; input?: Uint8Array } = {}): Promise<CurlResult> {
  return new Promise((resolve) => {
    const child = execFile(
      'curl',
      ['-sS', '--max-time', '60', ...args],
      { cwd: options.cwd, maxBuffer: 64 * 1024 * 1024 },
      (fault, stdout, stderr) => resolve({ code: fault === null ? 0 : Number(fault.code ?? -1), stdout, stderr }),
    );
    // curl need not read to the end what is refused before.
    child.stdin?.on('error', () => {}).end(options.input);
  });
}
