import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import {
  HELD_SPARED_MS,
  KIB,
  MAX_UNFINISHED_CHUNK_BYTES,
  MIB,
  UPLOAD_IDLE_TIMEOUT_MS,
} from '../../contracts/limits.ts';
import { HeldBytes, type Holding } from '../../kernel/held-bytes.ts';
import type { RunSplitter, SplitChunk } from '../run-splitter.ts';
import { SharedWindow } from './shared-window.ts';
import { SpentBuffers } from './spent-buffers.ts';

/** Bytes that are hashed and written while more come in. */
const window = new SharedWindow();
/** Chunks that bodies have begun: each may gather one, and whoever sends it a byte at a time keeps it. */
const unfinishedChunks = new HeldBytes({
  maxBytes: MAX_UNFINISHED_CHUNK_BYTES,
  sparedMs: HELD_SPARED_MS,
  nowMs: () => performance.now(),
});
/** What node:http reads of a socket at a time. */
const READ_BYTES = 64 * KIB;
/** After a refusal the client gets this much time and room to see the answer before the connection is cut. */
const DISCARD_BYTES = 16 * MIB;
const DISCARD_MS = 5_000;

export interface ReceiveOptions {
  readonly splitter: RunSplitter;
  /** Commits one chunk, and calls `onSpent` once nothing holds its buffers any more, if ever. */
  readonly write: (chunk: SplitChunk, onSpent: () => void) => Promise<void>;
  /** Sees each buffer before it is cut; may change its bytes in place. */
  readonly onBytes: (bytes: Buffer) => void;
  /** A body whose length was not said may end inside a chunk; that chunk is the file's last. */
  readonly mayEndShort: boolean;
  /** Milliseconds of the quickest answer of the replica's session, 0 without a replica; read before each pause. */
  readonly answerMs?: () => number;
  /** The process's, unless a test has its own. */
  readonly unfinished?: HeldBytes;
}

/**
 * Reads a body to its end, committing each chunk as it completes inside it, with at most its share of the window read and not committed.
 * Resolves or rejects only after every write in flight has ended.
 * @throws what `write` throws; bad_run for a body beyond the file or inside a chunk; request_timeout after 30 s
 * without a byte; busy when too many chunks are begun at once, and this body has kept most for longest; ClientGone when
 * the connection broke
 */
export function receiveBody(req: IncomingMessage, options: ReceiveOptions): Promise<void> {
  return new Promise((resolve, reject) => new BodyReceiver(req, options, { resolve, reject }).begin());
}

interface Outcome {
  resolve(): void;
  reject(fault: unknown): void;
}

/** One body on its way in. It is over when nothing more can come and every write has ended. */
class BodyReceiver {
  readonly #req: IncomingMessage;
  readonly #options: ReceiveOptions;
  readonly #outcome: Outcome;
  readonly #buffers = new SpentBuffers();
  readonly #share = window.enter(() => this.#inFlightBytes > 0);
  readonly #holding: Holding;
  readonly #idle = setTimeout(() => this.#onIdle(), UPLOAD_IDLE_TIMEOUT_MS);
  #inFlightBytes = 0;
  #hasEnded = false;
  #fault: unknown;
  #isPausedByUs = false;

  constructor(req: IncomingMessage, options: ReceiveOptions, outcome: Outcome) {
    this.#req = req;
    this.#options = options;
    this.#outcome = outcome;
    this.#holding = (options.unfinished ?? unfinishedChunks).begin(() => this.#crowdedOut());
  }

  begin(): void {
    const req = this.#req;
    // It broke while it waited for its turn: no event will say so again.
    if (req.destroyed && !req.complete) {
      this.#fail(new ClientGone());
      return;
    }
    if (!this.#holding.add(this.#options.splitter.largestChunkBytes)) {
      this.#crowdedOut();
      return;
    }
    req.on('data', this.#onData);
    req.once('end', () => this.#onEnd());
    req.once('close', () => {
      if (!req.complete) this.#fail(new ClientGone());
    });
    req.once('error', () => this.#fail(new ClientGone()));
  }

  readonly #onData = (bytes: Buffer): void => {
    const { splitter, onBytes } = this.#options;
    this.#idle.refresh();
    this.#share.moved();
    onBytes(bytes);
    if (this.#fault !== undefined) return;
    const chunks = splitter.push(bytes);
    if (chunks === null) {
      this.#fail(new PeerLinkError('bad_run', 'The body goes on beyond the end of the file.'));
      return;
    }
    this.#buffers.take(bytes, splitter.viewCount);
    for (const chunk of chunks) this.#start(chunk);
    if (this.#isFull()) {
      this.#isPausedByUs = true;
      this.#req.pause();
    }
  };

  #onEnd(): void {
    if (this.#fault !== undefined) return;
    const { splitter, mayEndShort } = this.#options;
    const last = mayEndShort ? splitter.finish() : null;
    if (last !== null) this.#start(last);
    else if (splitter.pendingBytes > 0) this.#fail(new PeerLinkError('bad_run', 'The body ended inside a chunk.'));
    // Nothing more can come: what is still being written has time.
    this.#hasEnded = true;
    clearTimeout(this.#idle);
    this.#holding.end();
    this.#settle();
  }

  #onIdle(): void {
    // While our own disk is the slow one, the client's clock stands still.
    if (this.#isPausedByUs) this.#idle.refresh();
    else this.#fail(new PeerLinkError('request_timeout', 'No byte came for 30 s. Ask for the status and go on.'));
  }

  #crowdedOut(): void {
    this.#fail(new PeerLinkError('busy', 'Too many chunks are being sent at once.', { retryAfterSeconds: 1 }));
  }

  /** With the next read of the socket it would have more than its share. */
  #isFull(): boolean {
    const { splitter, answerMs = () => 0 } = this.#options;
    const nextBytes = this.#inFlightBytes + splitter.pendingBytes + READ_BYTES;
    return this.#inFlightBytes > 0 && nextBytes >= window.bytesEach(answerMs());
  }

  #start(chunk: SplitChunk): void {
    this.#inFlightBytes += chunk.lengthBytes;
    const done = () => this.#written(chunk.lengthBytes);
    this.#options
      .write(chunk, () => this.#buffers.giveBack(chunk.bytes))
      .then(done, (reason: unknown) => {
        this.#fail(reason);
        done();
      });
  }

  #written(lengthBytes: number): void {
    this.#inFlightBytes -= lengthBytes;
    this.#holding.moved();
    this.#share.moved();
    if (this.#fault === undefined && !this.#hasEnded && !this.#isFull()) {
      this.#isPausedByUs = false;
      this.#idle.refresh();
      this.#req.resume();
    }
    this.#settle();
  }

  #fail(reason: unknown): void {
    if (this.#fault !== undefined) return;
    this.#fault = reason;
    this.#req.pause();
    this.#settle();
  }

  #settle(): void {
    if (this.#inFlightBytes > 0 || !(this.#hasEnded || this.#fault !== undefined)) return;
    clearTimeout(this.#idle);
    this.#holding.end();
    this.#share.leave();
    this.#req.off('data', this.#onData);
    if (this.#fault === undefined) this.#outcome.resolve();
    else this.#outcome.reject(this.#fault);
  }
}

/** The connection broke: there is nobody to answer. */
export class ClientGone extends Error {
  override name = 'ClientGone';
}

/** Lets a refused client finish reading the answer, then cuts it. */
export function discardRest(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  let discardedBytes = 0;
  const cut = setTimeout(() => req.destroy(), DISCARD_MS).unref();
  req.on('data', (bytes: Buffer) => {
    discardedBytes += bytes.length;
    if (discardedBytes > DISCARD_BYTES) req.destroy();
  });
  req.once('close', () => clearTimeout(cut));
  req.resume();
}
