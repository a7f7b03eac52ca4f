import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import {
  HELD_SPARED_MS,
  KIB,
  MAX_UNFINISHED_CHUNK_BYTES,
  MIB,
  UPLOAD_IDLE_TIMEOUT_MS,
} from '../../contracts/limits.ts';
import { HeldBytes } from '../../kernel/held-bytes.ts';
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
  /** How soon the replica answers at its quickest, asked again and again; without one 0. */
  readonly answerMs?: () => number;
  /** The process's, unless a test has its own. */
  readonly unfinished?: HeldBytes;
}

/**
 * Reads a body to its end, committing each chunk as it completes inside it, with at most its share of the window read and not committed.
 * Resolves or rejects only after every write in flight has ended.
 * @throws what `write` throws; bad_run for a body beyond the file or inside a chunk; request_timeout after 30 s
 * without a byte; busy when too many bodies are sent at once, or this one made least of its room; ClientGone when the
 * connection broke
 */
export function receiveBody(req: IncomingMessage, options: ReceiveOptions): Promise<void> {
  const { splitter, write, onBytes, mayEndShort, answerMs = () => 0, unfinished = unfinishedChunks } = options;
  return new Promise((resolve, reject) => {
    const buffers = new SpentBuffers();
    const leave = window.enter();
    let inFlightBytes = 0;
    let hasEnded = false;
    let fault: unknown;
    let isPausedByUs = false;
    const idle = setTimeout(() => {
      // While our own disk is the slow one, the client's clock stands still.
      if (isPausedByUs) idle.refresh();
      else fail(new PeerLinkError('request_timeout', 'No byte came for 30 s. Ask for the status and go on.'));
    }, UPLOAD_IDLE_TIMEOUT_MS);

    const crowdedOut = () =>
      fail(new PeerLinkError('busy', 'Too many chunks are being sent at once.', { retryAfterSeconds: 1 }));
    const holding = unfinished.begin(crowdedOut);
    /** Nothing more can come: what is still being written has time. */
    const end = () => {
      hasEnded = true;
      clearTimeout(idle);
      holding.end();
    };
    const settle = () => {
      if (inFlightBytes > 0 || !(hasEnded || fault !== undefined)) return;
      clearTimeout(idle);
      holding.end();
      leave();
      req.off('data', onData);
      if (fault === undefined) resolve();
      else reject(fault);
    };
    const fail = (reason: unknown) => {
      if (fault !== undefined) return;
      fault = reason;
      req.pause();
      settle();
    };
    /** With the next read of the socket it would have more than its share. */
    const isFull = () =>
      inFlightBytes > 0 && inFlightBytes + splitter.pendingBytes + READ_BYTES >= window.bytesEach(answerMs());
    const start = (chunk: SplitChunk) => {
      inFlightBytes += chunk.lengthBytes;
      const done = () => {
        inFlightBytes -= chunk.lengthBytes;
        holding.moved();
        if (fault === undefined && !hasEnded && !isFull()) {
          isPausedByUs = false;
          idle.refresh();
          req.resume();
        }
        settle();
      };
      write(chunk, () => buffers.giveBack(chunk.bytes)).then(done, (reason: unknown) => {
        fail(reason);
        done();
      });
    };
    const onData = (bytes: Buffer) => {
      idle.refresh();
      onBytes(bytes);
      if (fault !== undefined) return;
      const chunks = splitter.push(bytes);
      if (chunks === null) {
        fail(new PeerLinkError('bad_run', 'The body goes on beyond the end of the file.'));
        return;
      }
      buffers.take(bytes, splitter.viewCount);
      for (const chunk of chunks) start(chunk);
      if (isFull()) {
        isPausedByUs = true;
        req.pause();
      }
    };
    // It broke while it waited for its turn: no event will say so again.
    if (req.destroyed && !req.complete) {
      fail(new ClientGone());
      return;
    }
    if (!holding.add(splitter.largestChunkBytes)) {
      crowdedOut();
      return;
    }
    req.on('data', onData);
    req.once('end', () => {
      if (fault !== undefined) return;
      const last = mayEndShort ? splitter.finish() : null;
      if (last !== null) start(last);
      else if (splitter.pendingBytes > 0) fail(new PeerLinkError('bad_run', 'The body ended inside a chunk.'));
      end();
      settle();
    });
    req.once('close', () => {
      if (!req.complete) fail(new ClientGone());
    });
    req.once('error', () => fail(new ClientGone()));
  });
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
