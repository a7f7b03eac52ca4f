import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER, type PutRunResponse } from '../../contracts/http.ts';
import type { CountPeerBytes } from '../../kernel/traffic.ts';
import { BufferPool } from '../data-plane/buffer-pool.ts';
import type { RunBody } from '../data-plane/deps.ts';
import { ClientGone } from '../data-plane/receive-body.ts';
import type { PromoteOutcome } from '../replication/replica-side.ts';
import type { AnswerHead } from './answer-reader.ts';
import { type SendingRun, sendRunBody } from './forward-body.ts';
import { PeerAgent } from './peer-agent.ts';
import type { PeerAuth } from './peer-auth.ts';
import { PeerBody } from './peer-body.ts';
import { CONNECT_MS, type PeerConnection } from './peer-connection.ts';
import { faultOfAnswer, noAnswer, readJson } from './peer-faults.ts';
import { type Probe, probe } from './probe.ts';
import { type ProgressWatch, watchProgress } from './progress-watch.ts';
import { type ToldFile, toldParameter } from './told-file.ts';

/** "Its own probe of the home's data port is refused, or stays unanswered for 3 s." */
export const PROBE_MS = 3_000;
/** A replica that is asked to take over probes for 3 s itself, then changes the row. */
const PROMOTE_MS = 3 * PROBE_MS;
/** A home that answers pings but takes nothing of a body for so long is not waited for any more. */
const STUCK_MS = 60_000;

export interface PeerClientDeps {
  readonly auth: PeerAuth;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  /** Base address of a node, or null when nobody knows it. */
  readonly urlOf: (nodeId: string) => Promise<string | null>;
  readonly countBytes: CountPeerBytes;
}

export interface RequestOptions {
  readonly nodeId: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly epoch: number;
  /** null: chunked, or no body with GET. */
  readonly lengthBytes: number | null;
  readonly chunkValue?: string;
  /** The client's request that this is asked for: the other node's log has it too. */
  readonly requestId?: string;
  /** The answer is long. */
  readonly isBulk?: boolean;
  /** Over a new connection. */
  readonly isFresh?: boolean;
  readonly signal?: AbortSignal;
}

/** A request whose head is written. */
export interface StartedRequest {
  readonly connection: PeerConnection;
  readonly body: PeerBody;
  readonly nonce: string;
  /** The request's own body is written whole, or was abandoned: with the answer's end the connection is free. */
  finish(): void;
}

export interface ReadTarget {
  readonly nodeId: string;
  readonly transferId: string;
  readonly fileIndex: number;
  readonly from: number;
  /** One past the last byte; null: to the end, wherever that will be. */
  readonly to: number | null;
  readonly epoch: number;
  /** Of a sealed file, what the row says of it: that node may not be able to read it. Null: of an open one. */
  readonly told: ToldFile | null;
  readonly requestId?: string;
}

export interface RunTarget {
  readonly nodeId: string;
  readonly transferId: string;
  readonly fileIndex: number;
  readonly offset: number;
  readonly epoch: number;
  readonly lengthBytes: number | null;
  /** Hex; null without. */
  readonly chunkValue: string | null;
  readonly requestId?: string;
}

/** Requests of this node to others. Every wait for a head has a deadline; bodies are watched for silence. */
export class PeerClient {
  readonly #deps: PeerClientDeps;
  readonly #agent = new PeerAgent(new BufferPool());

  constructor(deps: PeerClientDeps) {
    this.#deps = deps;
  }

  close(): void {
    this.#agent.close();
  }

  /** Whether a node's data port answers. @throws unavailable when this node cannot ask */
  probe(nodeId: string, deadlineMs = PROBE_MS): Promise<Probe> {
    return probe(async (signal, { isFresh }) => {
      const ping = { nodeId, method: 'GET', path: '/peer/ping', epoch: 0, lengthBytes: null, signal, isFresh } as const;
      const { body, connection } = await this.start(ping);
      try {
        const { status } = await body.head;
        body.break(new Error('known enough'));
        return status;
      } catch (fault) {
        if (isRested(connection) && !signal.aborted) return 'rested';
        throw fault;
      }
    }, deadlineMs);
  }

  /** Asks a replica to make itself home. @throws unavailable, or what the replica answered */
  async promote(
    nodeId: string,
    transferId: string,
    epoch: number,
    options: { isAdoption: boolean },
  ): Promise<PromoteOutcome> {
    const path = `/peer/transfers/${transferId}/${options.isAdoption ? 'adopt' : 'promote'}`;
    const { body } = await this.#ask({ nodeId, method: 'POST', path, epoch, lengthBytes: 0 }, PROMOTE_MS);
    const answer = await readJson(body).catch((fault: unknown) => {
      throw noAnswer(fault);
    });
    return answer as PromoteOutcome;
  }

  /**
   * Streams a client's body to the home, never collecting it. @throws what the home answered, or unavailable when it
   * broke: then some of its chunks may be committed; ClientGone, request_timeout
   * @param watch asked while the home takes nothing, from before the first byte: a home that is cut off takes no
   * connection either
   */
  async forwardRun(
    target: RunTarget,
    run: RunBody,
    watch: Pick<ProgressWatch, 'isGone' | 'hasLeft'>,
  ): Promise<PutRunResponse> {
    const gone = new AbortController();
    let sending: SendingRun | null = null;
    let connection: PeerConnection | null = null;
    let movedAtMs = performance.now();
    let moved = -1;
    const stopWatching = watchProgress({
      progress: () => {
        const now = sending === null ? 0 : sending.progress();
        if (now !== moved) movedAtMs = performance.now();
        moved = now ?? -1;
        return now;
      },
      hasLeft: watch.hasLeft,
      isGone: async () => performance.now() - movedAtMs > STUCK_MS || (await watch.isGone()),
      onGone: () => gone.abort(noAnswer(null)),
    });
    try {
      const started = await this.#startRun(target, gone.signal);
      const { body } = started;
      connection = started.connection;
      sending = sendRunBody(run, {
        sink: connection,
        isChunked: target.lengthBytes === null,
        hide: this.#hider(started.nonce, 'request'),
        countBytes: (bytes) => this.#deps.countBytes(target.nodeId, 'to', bytes),
        onFault: (fault) => body.break(fault),
      });
      const head = await body.head;
      const answer = await readJson(body);
      if (sending.isWhole()) started.finish();
      if (head.status !== 200) throw faultOfAnswer(answer, head.status);
      return answer as PutRunResponse;
    } catch (fault) {
      throw fault instanceof PeerLinkError || fault instanceof ClientGone ? fault : noAnswer(fault);
    } finally {
      stopWatching();
      sending?.stop();
      if (sending?.isWhole() === false) connection?.destroy(new Error('the body was not sent'));
    }
  }

  #startRun(
    { nodeId, transferId, fileIndex, offset, ...rest }: RunTarget,
    signal: AbortSignal,
  ): Promise<StartedRequest> {
    const path = `/peer/transfers/${transferId}/files/${fileIndex}?offset=${offset}`;
    return this.start({ ...rest, nodeId, method: 'PUT', path, chunkValue: rest.chunkValue ?? '', signal });
  }

  /** Bytes [from, to) of a file at a node that holds it; waits there for chunks that are not committed yet. */
  async read(target: ReadTarget, signal: AbortSignal): Promise<PeerReading> {
    const { nodeId, transferId, fileIndex, from, to, told, ...rest } = target;
    const range = { from: String(from), ...(to === null ? {} : { to: String(to) }) };
    const query = new URLSearchParams({ ...range, ...toldParameter(told) });
    const path = `/peer/transfers/${transferId}/files/${fileIndex}?${query}`;
    const options = { ...rest, nodeId, method: 'GET', path, lengthBytes: null, isBulk: true, signal } as const;
    const { body, nonce } = await this.#ask(options, CONNECT_MS);
    const reveal = this.#hider(nonce, 'response');
    const { countBytes } = this.#deps;
    return {
      get progress() {
        return body.progress;
      },
      break: (reason) => body.break(reason),
      async next() {
        const piece = await body.next();
        if (piece === null) return null;
        countBytes(nodeId, 'from', piece.lengthBytes);
        if (reveal !== null) for (const bytes of piece.bytes) reveal(bytes);
        return piece;
      },
    };
  }

  /** Whether a node holds all of a sealed file: it is asked for none of its bytes. @throws unavailable when it does not say */
  async holds(target: Omit<ReadTarget, 'from' | 'to'>, signal: AbortSignal): Promise<boolean> {
    const { nodeId, transferId, fileIndex, epoch, told } = target;
    const query = new URLSearchParams({ from: '0', to: '0', ...toldParameter(told) });
    const path = `/peer/transfers/${transferId}/files/${fileIndex}?${query}`;
    const asked = { nodeId, method: 'GET', path, epoch, lengthBytes: null, signal } as const;
    const { head, body } = await this.#headOf(asked, CONNECT_MS);
    // To its end, which is near, so that the connection is kept.
    await readJson(body).catch(() => null);
    if (head.status >= 500) throw noAnswer(null);
    return head.status < 300;
  }

  /** Writes the head of a request. The body of the request, and what is done with the answer, are the caller's. */
  async start(options: RequestOptions): Promise<StartedRequest> {
    const { nodeId, method, path, lengthBytes, signal } = options;
    const base = await this.#deps.urlOf(nodeId);
    if (base === null)
      throw new PeerLinkError('unavailable', 'The node that has this is not known right now.', {
        retryAfterSeconds: 1,
      });
    const origin = new URL(base);
    const { headers, nonce } = this.#deps.auth.sign(nodeId, {
      ...options,
      isObfuscated: this.#deps.isObfuscated,
      chunkValue: options.chunkValue ?? '',
    });
    const connection = await this.#agent.acquire(origin, signal, options);
    const onAbort = () => connection.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    let isWritten = lengthBytes === 0 || method === 'GET';
    let isOver = false;
    const release = () => {
      if (isWritten && isOver) this.#agent.release(origin, connection);
    };
    const body = new PeerBody(
      { resume: () => connection.resume(), abandon: (reason) => connection.destroy(reason) },
      { isBulk: options.isBulk ?? false },
    );
    void body.over.then(() => {
      signal?.removeEventListener('abort', onAbort);
      isOver = true;
      release();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    connection.begin(body);
    if (signal?.aborted === true) onAbort();
    const length = method === 'GET' ? {} : lengthBytes === null ? CHUNKED : { 'content-length': String(lengthBytes) };
    const told = options.requestId === undefined ? {} : { [HEADER.requestId]: options.requestId };
    connection.write([requestHead(method, path, { host: origin.host, ...headers, ...length, ...told })]);
    return {
      connection,
      body,
      nonce,
      finish: () => {
        isWritten = true;
        release();
      },
    };
  }

  /** A request without a body, and the head of its good answer. @throws unavailable, or what the node answered */
  async #ask(options: RequestOptions, headMs: number): Promise<StartedRequest & { head: AnswerHead }> {
    const asked = await this.#headOf(options, headMs);
    const { head, body } = asked;
    if (head.status >= 400) throw faultOfAnswer(await readJson(body).catch(() => null), head.status);
    return asked;
  }

  /** Whatever the answer is. A connection that rested may have been closed meanwhile: then it is asked once more. */
  async #headOf(options: RequestOptions, headMs: number): Promise<StartedRequest & { head: AnswerHead }> {
    for (let attempt = 0; ; attempt += 1) {
      const started = await this.start(options);
      const { body, connection } = started;
      const wasRested = isRested(connection);
      const late = setTimeout(() => body.break(noAnswer(new Error('no answer in time'))), headMs);
      let head: AnswerHead;
      try {
        head = await body.head;
      } catch (fault) {
        options.signal?.throwIfAborted();
        if (fault instanceof PeerLinkError) throw fault;
        if (wasRested && attempt === 0) continue;
        throw noAnswer(fault);
      } finally {
        clearTimeout(late);
      }
      return { ...started, head };
    }
  }

  /** XORs buffers that only one stream has, in place; the position runs on. Null: nothing is hidden. Not encryption. */
  #hider(nonce: string, direction: 'request' | 'response'): ((bytes: Uint8Array) => void) | null {
    if (!this.#deps.isObfuscated) return null;
    const { auth, netIo } = this.#deps;
    return xorInPlace(netIo, auth.obfuscationKey(nonce, direction));
  }
}

/** It may have been closed meanwhile by the other side. */
function isRested(connection: PeerConnection): boolean {
  return connection.restingSinceMs > 0;
}

/** A body that comes from another node, verified there. */
export interface PeerReading {
  /** Grows with what comes; null while it is not the other node that is waited for. */
  readonly progress: number | null;
  next(): Promise<{ readonly bytes: readonly Buffer[]; readonly lengthBytes: number; release(): void } | null>;
  break(reason: Error): void;
}

const CHUNKED = { 'transfer-encoding': 'chunked' };

/** Obfuscation of one stream, in place: for buffers nobody else reads. Not encryption. */
export function xorInPlace(netIo: Pick<NetIo, 'xorInPlace'>, key: Uint8Array): (bytes: Uint8Array) => void {
  let position = 0;
  return (bytes) => {
    netIo.xorInPlace(bytes, key, position);
    position += bytes.length;
  };
}

function requestHead(method: string, path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}
