import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { NetIo } from '../../../native/types.ts';
import { errorTypeOf, PeerLinkError } from '../../contracts/errors.ts';
import type { PutRunResponse } from '../../contracts/http.ts';
import { UPLOAD_IDLE_TIMEOUT_MS } from '../../contracts/limits.ts';
import type { PromoteOutcome } from '../replication/replica-side.ts';
import type { PeerAuth } from './peer-auth.ts';

/** Connections kept to one node; more requests at once open more. */
const MAX_IDLE_SOCKETS = 64;
/** "Its own probe of the home's data port is refused, or stays unanswered for 3 s." */
export const PROBE_MS = 3_000;
const CONNECT_MS = 3_000;
const SMALL_ANSWER_BYTES = 1024 * 1024;

export interface PeerClientDeps {
  readonly nodeId: string;
  readonly auth: PeerAuth;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  /** Base address of a node, or null when nobody knows it. */
  readonly urlOf: (nodeId: string) => Promise<string | null>;
  readonly countBytes: (bytes: number) => void;
}

export type Probe = 'alive' | 'refused' | 'silent';

/** A body that comes from another node, verified there. */
export interface PeerBody {
  /** Bytes in order; reading pauses with the consumer. */
  readonly bytes: AsyncIterable<Buffer>;
  close(): void;
}

/** Requests of this node to others. Every one has a deadline for the head, and an idle time-out for its body. */
export class PeerClient {
  readonly #deps: PeerClientDeps;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_SOCKETS, noDelay: true });

  constructor(deps: PeerClientDeps) {
    this.#deps = deps;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Whether a node's data port answers. */
  async probe(nodeId: string): Promise<Probe> {
    try {
      const { res } = await this.start({
        nodeId,
        method: 'GET',
        path: '/peer/ping',
        epoch: 0,
        lengthBytes: null,
        headMs: PROBE_MS,
      });
      res.resume();
      return 'alive';
    } catch (fault) {
      const code = typeof fault === 'object' && fault !== null && 'cause' in fault ? codeOf(fault.cause) : undefined;
      return code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENOTFOUND' ? 'refused' : 'silent';
    }
  }

  /** Asks a replica to make itself home. @throws unavailable */
  async promote(
    nodeId: string,
    transferId: string,
    epoch: number,
    options: { isAdoption: boolean },
  ): Promise<PromoteOutcome> {
    const path = `/peer/transfers/${transferId}/${options.isAdoption ? 'adopt' : 'promote'}`;
    const { res } = await this.start({ nodeId, method: 'POST', path, epoch, lengthBytes: 0, headMs: PROBE_MS * 3 });
    return (await readJson(res)) as PromoteOutcome;
  }

  /**
   * Streams a client's body to the home, never collecting it. @throws what the home answered, or unavailable when it
   * broke: then some of its chunks may be committed.
   */
  async forwardRun(
    target: {
      nodeId: string;
      transferId: string;
      fileIndex: number;
      offset: number;
      epoch: number;
      lengthBytes: number | null;
      chunkValue: string | null;
    },
    body: AsyncIterable<Buffer> | Iterable<Buffer>,
  ): Promise<PutRunResponse> {
    const { transferId, fileIndex, offset } = target;
    const { req, response, nonce } = await this.#begin({
      nodeId: target.nodeId,
      method: 'PUT',
      path: `/peer/transfers/${transferId}/files/${fileIndex}?offset=${offset}`,
      epoch: target.epoch,
      lengthBytes: target.lengthBytes,
      ...(target.chunkValue === null ? {} : { headers: { 'x-chunk-value': target.chunkValue } }),
    });
    const hide = this.#obfuscator(nonce, 'request');
    let isAnswered = false;
    response.then(
      () => (isAnswered = true),
      () => (isAnswered = true),
    );
    req.setTimeout(UPLOAD_IDLE_TIMEOUT_MS + 5_000, () => req.destroy(new Error('idle')));
    for await (const bytes of body) {
      if (isAnswered) break;
      this.#deps.countBytes(bytes.length);
      if (!req.write(hide(bytes))) await Promise.race([drained(req), response.catch(() => {})]);
    }
    req.end();
    const res = await response;
    const answer = await readJson(res);
    if (res.statusCode !== 200) throw faultOf(answer, res.statusCode ?? 500);
    return answer as PutRunResponse;
  }

  /** Bytes [from, to) of a file at a node that holds it; waits there for chunks that are not committed yet. */
  async read(
    target: { nodeId: string; transferId: string; fileIndex: number; from: number; to: number | null; epoch: number },
    signal: AbortSignal,
  ): Promise<PeerBody> {
    const { transferId, fileIndex, from, to } = target;
    const path = `/peer/transfers/${transferId}/files/${fileIndex}?from=${from}${to === null ? '' : `&to=${to}`}`;
    const { res, nonce } = await this.start({
      nodeId: target.nodeId,
      method: 'GET',
      path,
      epoch: target.epoch,
      lengthBytes: null,
      headMs: CONNECT_MS,
      signal,
    });
    const reveal = this.#obfuscator(nonce, 'response');
    const { countBytes } = this.#deps;
    return {
      bytes: (async function* () {
        for await (const bytes of res as AsyncIterable<Buffer>) {
          countBytes(bytes.length);
          yield reveal(bytes);
        }
        if (!res.complete) throw new PeerLinkError('unavailable', 'The other node ended in the middle.');
      })(),
      close: () => res.destroy(),
    };
  }

  /** Starts a request without a body and waits for its answer's head. @throws unavailable, or what the node answered */
  async start(options: StartOptions): Promise<{ res: IncomingMessage; nonce: string }> {
    const { req, response, nonce } = await this.#begin(options);
    req.end();
    const res = await response;
    if (res.statusCode !== undefined && res.statusCode >= 400) throw faultOf(await readJson(res), res.statusCode);
    return { res, nonce };
  }

  /** Starts a request whose body the caller writes. */
  async #begin(
    options: StartOptions,
  ): Promise<{ req: ClientRequest; response: Promise<IncomingMessage>; nonce: string }> {
    const { nodeId, method, path, epoch, lengthBytes } = options;
    const base = await this.#deps.urlOf(nodeId);
    if (base === null)
      throw new PeerLinkError('unavailable', 'The node that has this is not known right now.', {
        retryAfterSeconds: 1,
      });
    const { headers, nonce } = this.#deps.auth.sign({ nodeId: this.#deps.nodeId, method, path, epoch, lengthBytes });
    const url = new URL(path, base);
    const isTls = url.protocol === 'https:';
    const send = isTls ? httpsRequest : httpRequest;
    const req = send(url, {
      method,
      ...(isTls ? {} : { agent: this.#agent }),
      headers: { ...options.headers, ...headers, ...(lengthBytes === null ? {} : { 'content-length': lengthBytes }) },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      const late =
        options.headMs === undefined
          ? null
          : setTimeout(() => req.destroy(new Error('no answer in time')), options.headMs);
      req.once('response', (res) => {
        if (late !== null) clearTimeout(late);
        resolve(res);
      });
      req.once('error', (cause) => {
        if (late !== null) clearTimeout(late);
        reject(
          new PeerLinkError('unavailable', 'Another node does not answer. Try again.', { cause, retryAfterSeconds: 1 }),
        );
      });
    });
    response.catch(() => {});
    if (method !== 'GET' && lengthBytes === null) req.flushHeaders();
    return { req, response, nonce };
  }

  /** For a stream whose body and answer run at the same time (replication). */
  openDuplex(
    options: StartOptions,
  ): Promise<{ req: ClientRequest; response: Promise<IncomingMessage>; nonce: string }> {
    return this.#begin(options);
  }

  /** XORs buffers that only this stream has; the position runs on. */
  #obfuscator(nonce: string, direction: 'request' | 'response'): (bytes: Buffer) => Buffer {
    if (!this.#deps.isObfuscated) return (bytes) => bytes;
    const { auth, netIo } = this.#deps;
    return obfuscatorOf(netIo, auth.obfuscationKey(nonce, direction));
  }
}

export interface StartOptions {
  readonly nodeId: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly epoch: number;
  readonly lengthBytes: number | null;
  readonly headers?: Record<string, string>;
  /** Deadline for the head of the answer. */
  readonly headMs?: number;
  readonly signal?: AbortSignal;
}

/** Obfuscation of one stream, in place: for buffers nobody else reads. Not encryption. */
export function obfuscatorOf(netIo: NetIo, key: Uint8Array): (bytes: Buffer) => Buffer {
  let position = 0;
  return (bytes) => {
    netIo.xorInPlace(bytes, key, position);
    position += bytes.length;
    return bytes;
  };
}

function drained(req: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      req.off('drain', done);
      req.off('close', done);
      resolve();
    };
    req.once('drain', done);
    req.once('close', done);
  });
}

async function readJson(res: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let lengthBytes = 0;
  for await (const part of res as AsyncIterable<Buffer>) {
    lengthBytes += part.length;
    if (lengthBytes > SMALL_ANSWER_BYTES) throw new PeerLinkError('unavailable', 'Another node answered too much.');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return {};
  }
}

/** A problem that another node answered, as a fault of ours. */
function faultOf(answer: unknown, status: number): PeerLinkError {
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as {
    type?: unknown;
    detail?: unknown;
    data?: Record<string, unknown>;
    retryAfterSeconds?: number;
  };
  const type = errorTypeOf(problem) ?? (status >= 500 ? 'unavailable' : 'internal');
  return new PeerLinkError(
    type,
    typeof problem.detail === 'string' ? problem.detail : 'Another node could not do it.',
    {
      ...(problem.data === undefined ? {} : { data: problem.data }),
      ...(problem.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: problem.retryAfterSeconds }),
    },
  );
}

function codeOf(fault: unknown): string | undefined {
  return typeof fault === 'object' && fault !== null && 'code' in fault && typeof fault.code === 'string'
    ? fault.code
    : undefined;
}
