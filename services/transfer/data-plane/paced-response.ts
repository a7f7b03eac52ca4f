import type { ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import { READER_IDLE_TIMEOUT_MS } from '../../contracts/limits.ts';
import type { Piece, PieceSource } from './pieces.ts';

/**
 * Writes pieces with backpressure: at most two are with the socket, so that one can be filled while the other goes
 * out. Aborts `signal` when the client left or for five minutes neither took a byte nor had one to take.
 */
export class PacedResponse {
  readonly #res: ServerResponse;
  readonly #abort = new AbortController();
  readonly #idle: NodeJS.Timeout;
  #previous: Promise<void> = Promise.resolve();

  constructor(res: ServerResponse) {
    this.#res = res;
    this.#idle = setTimeout(
      () => this.cut(new PeerLinkError('request_timeout', 'Nothing moved for five minutes. Go on by Range.')),
      READER_IDLE_TIMEOUT_MS,
    );
    res.once('close', () => this.#abort.abort(new ReaderGone()));
    // It left before its turn came: no event will say so again.
    if (res.destroyed) this.#abort.abort(new ReaderGone());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** How a source of pieces learns that the answer is over, and ends it; and whose answer it is. */
  get ending(): Pick<PieceSource, 'signal' | 'cut' | 'requestId'> {
    const requestId = this.#res.getHeader(HEADER.requestId);
    return {
      signal: this.signal,
      cut: (fault) => this.cut(fault),
      ...(typeof requestId === 'string' ? { requestId } : {}),
    };
  }

  /** Resolves when there is room for the next piece. Releases the piece once the socket took it. */
  async write(piece: Piece): Promise<void> {
    await this.#previous;
    this.signal.throwIfAborted();
    this.#idle.refresh();
    const { promise, take, lose } = untilTaken();
    this.signal.addEventListener('abort', lose, { once: true });
    this.#previous = promise.then(
      () => {
        this.signal.removeEventListener('abort', lose);
        piece.release('taken');
      },
      (fault: unknown) => {
        this.signal.removeEventListener('abort', lose);
        piece.release('lost');
        throw fault;
      },
    );
    this.#previous.catch(() => {});
    this.#send(piece.bytes, take, lose);
  }

  /** Waits until the socket took everything. */
  async flush(): Promise<void> {
    await this.#previous;
  }

  /** Ends the answer at once: the buffers that the socket still holds go back to the pool. */
  cut(fault: unknown): void {
    this.#abort.abort(fault);
    this.#res.destroy();
  }

  close(): void {
    clearTimeout(this.#idle);
  }

  #send(list: readonly Uint8Array[], take: () => void, lose: () => void): void {
    const last = list.length - 1;
    if (last < 0) {
      take();
      return;
    }
    if (last > 0) this.#res.cork();
    for (const [index, bytes] of list.entries()) {
      this.#res.write(bytes, index === last ? (fault) => (fault ? lose() : take()) : undefined);
    }
    if (last > 0) this.#res.uncork();
  }
}

function untilTaken(): { promise: Promise<void>; take: () => void; lose: () => void } {
  let take = () => {};
  let lose = () => {};
  const promise = new Promise<void>((resolve, reject) => {
    take = resolve;
    lose = () => reject(new ReaderGone());
  });
  return { promise, take, lose };
}

/** The client closed the connection: there is nobody to answer. */
export class ReaderGone extends Error {
  override name = 'ReaderGone';
}
