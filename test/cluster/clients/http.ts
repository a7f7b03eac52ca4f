import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { URL } from 'node:url';

/** "Ask another node after 3 s without progress." */
export const SILENCE_MS = 3_000;
const LOOK_EVERY_MS = 100;
const MAX_JSON_BYTES = 8 * 1024 * 1024;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A refusal of section 14 of docs/PROTOCOL.md. */
export class Refusal extends Error {
  readonly status: number;
  /** Without the `urn:`. */
  readonly type: string;
  readonly retryAfterMs: number | null;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>, retryAfter: string | undefined) {
    super(`${status} ${textOf(body.type)} ${textOf(body.detail) || textOf(body.title)}`);
    this.status = status;
    this.type = (textOf(body.type) || String(status)).replace('urn:peerlink:error:', '');
    this.retryAfterMs = retryAfter === undefined ? null : Number(retryAfter) * 1000;
    this.body = body;
  }
}

/** Nothing moved for 3 s. */
export class Silence extends Error {}

/** The connection ended before the answer did. */
export class BrokenOff extends Error {}

export interface Exchange {
  readonly req: ClientRequest;
  readonly response: Promise<IncomingMessage>;
  /** Something moved: the 3 s begin again. */
  moved(): void;
  /** What is not the other side's fault: the client holds back by itself. */
  holding<T>(wait: Promise<T>): Promise<T>;
  end(): void;
}

export interface ExchangeOptions {
  readonly agent: Agent;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly silenceMs?: number;
}

/** Starts a request that is given up when nothing moves for 3 s. The caller writes the body and calls `end`. */
export function exchange(address: string, options: ExchangeOptions): Exchange {
  const { agent, method = 'GET', headers = {}, silenceMs = SILENCE_MS } = options;
  const req = request(new URL(address), { agent, method, headers });
  let movedAtMs = performance.now();
  let held = 0;
  const watch = setInterval(() => {
    if (held > 0) movedAtMs = performance.now();
    else if (performance.now() - movedAtMs > silenceMs) req.destroy(new Silence(`nothing moved for ${silenceMs} ms`));
  }, LOOK_EVERY_MS);
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    req.once('response', resolve);
    req.on('error', reject);
  });
  response.catch(() => {});
  return {
    req,
    response,
    moved: () => {
      movedAtMs = performance.now();
    },
    holding: async (wait) => {
      held += 1;
      try {
        return await wait;
      } finally {
        held -= 1;
        movedAtMs = performance.now();
      }
    },
    end: () => clearInterval(watch),
  };
}

/** One small request and its JSON answer. @throws Refusal, Silence, the socket's fault */
export async function askJson<T>(
  address: string,
  options: ExchangeOptions & { readonly body?: unknown },
): Promise<{ readonly body: T; readonly status: number; readonly res: IncomingMessage }> {
  const text = options.body === undefined ? null : Buffer.from(JSON.stringify(options.body));
  const headers = {
    ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': String(text.length) }),
    ...options.headers,
  };
  const talk = exchange(address, { ...options, headers });
  try {
    talk.req.end(text ?? undefined);
    const res = await talk.response;
    const body = await readJson(res);
    if ((res.statusCode ?? 500) >= 400) throw refusalOf(res, body);
    return { body: body as T, status: res.statusCode ?? 0, res };
  } finally {
    talk.end();
  }
}

export async function readJson(res: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let lengthBytes = 0;
  for await (const part of res as AsyncIterable<Buffer>) {
    lengthBytes += part.length;
    if (lengthBytes > MAX_JSON_BYTES) throw new Error('the answer is too long');
    parts.push(part);
  }
  if (!res.complete) throw new BrokenOff('the answer broke off');
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export function refusalOf(res: IncomingMessage, body: Record<string, unknown>): Refusal {
  const retryAfter = res.headers['retry-after'];
  return new Refusal(res.statusCode ?? 500, body, retryAfter);
}

/** How an attempt ended, as the history names it. */
export function outcomeOf(fault: unknown): string {
  if (fault === null) return 'ok';
  if (fault instanceof Refusal) return fault.type;
  if (fault instanceof Silence) return 'silent';
  // Faults of sockets carry a code; one without is a fault of the test.
  // Not asked whether it is an Error: those of Node's own are of another realm under Jest.
  const isOfSocket = fault instanceof BrokenOff || (typeof fault === 'object' && fault !== null && 'code' in fault);
  return isOfSocket ? 'broken' : 'fault';
}
