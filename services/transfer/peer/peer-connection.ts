import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MIB } from '../../contracts/limits.ts';
import type { BufferPool } from '../data-plane/buffer-pool.ts';
import { type AnswerHead, AnswerReader } from './answer-reader.ts';
import { type LentBytes, ReadBlocks } from './read-blocks.ts';

/** A node that is there takes a connection at once; one behind a slow link within a second. */
export const CONNECT_MS = 3_000;
/** The kernel asks a silent peer whether it is still there after this. */
const KEEP_ALIVE_PROBE_MS = 15_000;
/** Read without a look at other sockets; libuv alone would go on for 32 reads of up to 1 MiB while more comes. */
const TURN_BYTES = 2 * MIB;

/** What one request does with its answer. Exactly one of `onEnd` and `onFault` is the last that is called. */
export interface AnswerHandler {
  /** Its body is read in large blocks and lent; others come as copies. */
  readonly isBulk: boolean;
  onHead(head: AnswerHead): void;
  /** False: stop reading until `resume`. Every buffer must be released. */
  onBody(bytes: LentBytes): boolean;
  onEnd(): void;
  onFault(fault: Error): void;
}

/** One connection to another node, for one request at a time. What it reads comes through `onread`, what it sends is corked. */
export class PeerConnection {
  readonly #socket: Socket;
  readonly #blocks: ReadBlocks;
  #handler: AnswerHandler | null = null;
  #reader: AnswerReader | null = null;
  #isUsable = true;
  #fault: Error | null = null;
  #mayGoOn = true;
  /** Read since the last rest. */
  #turnBytes = 0;
  #isResting = false;
  /** Called once, when it can serve no more requests. */
  onClosed: () => void = () => {};
  /** When it was last put aside, for whoever keeps it. */
  restingSinceMs = 0;

  private constructor(origin: URL, pool: BufferPool) {
    this.#blocks = new ReadBlocks(pool);
    const host = origin.hostname.replace(/^\[(.*)\]$/, '$1');
    const isTls = origin.protocol === 'https:';
    const options = {
      host,
      port: Number(origin.port === '' ? (isTls ? 443 : 80) : origin.port),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      onread: {
        buffer: () => this.#blocks.next(),
        callback: (lengthBytes: number, buffer: Uint8Array) => this.#read(lengthBytes, buffer),
      },
    };
    this.#socket = isTls
      ? connectTls({ ...options, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }) })
      : connectTcp(options);
    this.#socket.on('error', (fault) => this.#break(fault));
    this.#socket.on('end', () => this.#break(new Error('the other node closed the connection')));
    this.#socket.on('close', () => this.#break(new Error('the connection closed')));
  }

  /** @throws PeerLinkError unavailable, whose cause has the system's code; the signal's reason */
  static open(origin: URL, pool: BufferPool, deadlineMs: number, signal?: AbortSignal): Promise<PeerConnection> {
    signal?.throwIfAborted();
    const connection = new PeerConnection(origin, pool);
    const socket = connection.#socket;
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(late);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = () => connection.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      const late = setTimeout(() => connection.destroy(new Error('no connection in time')), deadlineMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      connection.onClosed = () => {
        settle();
        const cause = connection.#fault;
        reject(
          signal?.aborted === true && cause !== null
            ? cause
            : new PeerLinkError('unavailable', 'Another node does not answer. Try again.', {
                cause,
                retryAfterSeconds: 1,
              }),
        );
      };
      socket.once(origin.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        settle();
        connection.onClosed = () => {};
        resolve(connection);
      });
    });
  }

  /** Nothing is on its way, and it may serve another request. */
  get isIdle(): boolean {
    return this.#isUsable && this.#handler === null && this.#socket.writableLength === 0;
  }

  /** Bytes given to `write` that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** The next bytes written are a request; its answer goes to the handler. */
  begin(handler: AnswerHandler): void {
    if (!this.#isUsable || this.#handler !== null) throw new Error('the connection is not free');
    this.#handler = handler;
    this.resume();
    this.#reader = new AnswerReader({
      onHead: (head) => {
        if (this.#handler !== handler) return;
        if (!head.isKeptAlive) this.#isUsable = false;
        if (handler.isBulk) this.#blocks.beginBody();
        handler.onHead(head);
      },
      onBody: (bytes) => {
        // Whoever got the bytes before these may have broken the connection over them.
        if (this.#handler !== handler) return;
        if (!handler.onBody(this.#blocks.lend(bytes))) this.#mayGoOn = false;
      },
      onEnd: () => {
        if (this.#handler !== handler) return;
        this.#handler = null;
        this.#blocks.endBody();
        // Whoever took the last bytes may have asked for a pause, and would never ask for more of an answer that is over.
        this.#mayGoOn = true;
        handler.onEnd();
        if (!this.#isUsable) this.destroy(new Error('the other node ends the connection'));
      },
    });
  }

  /** @param onTaken called once no part of the list is needed any more: the kernel has it, or the connection broke */
  write(list: readonly Uint8Array[], onTaken?: () => void): void {
    if (this.#socket.destroyed) {
      onTaken?.();
      return;
    }
    const last = list.length - 1;
    this.#socket.cork();
    for (const [index, bytes] of list.entries()) {
      this.#socket.write(bytes, index === last && onTaken !== undefined ? () => onTaken() : undefined);
    }
    this.#socket.uncork();
  }

  resume(): void {
    this.#mayGoOn = true;
    if (!this.#isResting && !this.#socket.destroyed) this.#socket.resume();
  }

  /** Repeatable. A request under way is told the reason. */
  destroy(reason: Error): void {
    this.#fault ??= reason;
    this.#socket.destroy();
    this.#break(reason);
  }

  #read(lengthBytes: number, buffer: Uint8Array): boolean {
    const bytes = this.#blocks.filled(buffer, lengthBytes);
    const reader = this.#reader;
    if (this.#handler === null || reader === null) {
      this.destroy(new Error('bytes that nobody asked for'));
      return false;
    }
    this.#mayGoOn = true;
    try {
      reader.push(bytes);
    } catch (fault) {
      this.destroy(fault as Error);
    }
    this.#turnBytes += lengthBytes;
    if (this.#turnBytes >= TURN_BYTES) this.#rest();
    return this.#mayGoOn && !this.#isResting;
  }

  /** Reads on in the next turn of the event loop. */
  #rest(): void {
    this.#turnBytes = 0;
    this.#isResting = true;
    setImmediate(() => {
      this.#isResting = false;
      if (this.#mayGoOn) this.resume();
    });
  }

  #break(reason: Error): void {
    this.#fault ??= reason;
    this.#isUsable = false;
    if (!this.#socket.destroyed) this.#socket.destroy();
    this.#blocks.endBody();
    const handler = this.#handler;
    this.#handler = null;
    handler?.onFault(this.#fault);
    const { onClosed } = this;
    this.onClosed = () => {};
    onClosed();
  }
}
