import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errorTypeOf } from '../../../services/contracts/errors.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The error type of a problem+json body, else undefined. */
  readonly type: string | undefined;
  json<T>(): T;
  /** `name=value` of the session cookie it set, else an empty string. */
  readonly cookie: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sent with `Transfer-Encoding: chunked`. */
  readonly isChunked?: boolean;
}

const DEADLINE_MS = 15_000;

/** The head of an answer is there. */
export const hasHead = (answer: string): boolean => answer.includes('\r\n\r\n');

/** One request exactly as given: node:http changes neither path nor headers, as `fetch` would. */
export function ask(
  base: string,
  path: string,
  { method = 'GET', headers = {}, body, isChunked = false }: Ask = {},
): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const whole = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  // Said: of a body that is there at once Node would tell the length all the same.
  const length = isChunked ? { 'Transfer-Encoding': 'chunked' } : whole;
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      { hostname, port, path, method, headers: { ...length, ...headers }, agent: false, timeout: DEADLINE_MS },
      (res) => {
        const parts: Buffer[] = [];
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('end', () => resolve(toAnswer(res.statusCode ?? 0, res.headers, Buffer.concat(parts).toString())));
        res.on('error', reject);
      },
    );
    req.on('timeout', () => req.destroy(new Error(`no answer to ${method} ${path.slice(0, 80)}`)));
    // A server may refuse and close while the body is on its way; what counts is the answer.
    req.on('error', (fault) => setTimeout(() => reject(fault), 200));
    req.end(body);
  });
}

export function askJson(
  base: string,
  method: string,
  path: string,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return ask(base, path, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(value),
  });
}

function toAnswer(status: number, headers: IncomingHttpHeaders, body: string): Answer {
  const isProblem = headers['content-type'] === 'application/problem+json' && body !== '';
  return {
    status,
    headers,
    body,
    type: isProblem ? errorTypeOf(JSON.parse(body) as { type?: unknown }) : undefined,
    json: <T>() => JSON.parse(body) as T,
    cookie: headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '',
  };
}

/**
 * Bytes on a bare socket, and everything that came back until it was closed, was enough or the deadline passed. A refused
 * client is listened to for two seconds more, so who asks for the answer alone says what is enough.
 */
export function sendRaw(
  port: number,
  text: string,
  waitMs = DEADLINE_MS,
  isEnough: (answer: string) => boolean = () => false,
): Promise<{ readonly answer: string; readonly afterMs: number; readonly isClosed: boolean }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let answer = '';
    let isDone = false;
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    const done = (isClosed: boolean) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ answer, afterMs: performance.now() - startedMs, isClosed });
    };
    const timer = setTimeout(() => done(false), waitMs);
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
      if (isEnough(answer)) done(false);
    });
    socket.on('error', () => done(true)).on('close', () => done(true));
  });
}

/** Of this machine in a network; from there it is served as a stranger is. Undefined: it has none. */
export function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

/** So many connections at once. Those of them that were answered on: they stay open. */
export async function openMany(port: number, address: string, count: number): Promise<Socket[]> {
  const open = () =>
    new Promise<Socket | null>((resolve) => {
      const socket = connect(port, address, () => socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'));
      socket.on('error', () => resolve(null)).on('close', () => resolve(null));
      socket.once('data', () => resolve(socket));
    });
  return (await Promise.all(Array.from({ length: count }, open))).filter((socket) => socket !== null);
}
