import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_QUEUED_STREAMS, MAX_READER_BYTES, READER_SPARED_MS } from '../../contracts/limits.ts';
import { HeldBytes, type Holding } from '../../kernel/held-bytes.ts';

/** Somebody may have stood still long enough by then. */
const LOOK_AGAIN_MS = 250;
/** Longer than who stands still is spared: by then there is room, or everybody is moving slowly. */
const MAX_WAIT_MS = 60_000;

/** What is given back once, as a Piece is. */
interface Released {
  release(how: 'taken' | 'lost'): void;
}

interface Waiting {
  readonly bytes: number;
  readonly holding: Holding;
  readonly deadlineMs: number;
  admit(): void;
  refuse(): void;
}

/** What one stream borrows of the memory for readers. */
export interface ReaderShare {
  /** @throws busy when there was no room within a minute; the signal's reason */
  borrow(bytes: number, signal: AbortSignal): Promise<void>;
  /** @param isTaken the client took them: it does not stand still */
  repay(bytes: number, isTaken: boolean): void;
  /** @param isDrained everything was handed on and will be repaid; else nothing of it is kept any more */
  end(isDrained: boolean): void;
}

/**
 * One bound for the buffers of all downloads. Beyond half of it nobody reads ahead; at the bound streams wait, in the
 * order they came, until others' clients have taken something, or have stood still so long that they are cut: they come
 * back by Range.
 */
export class ReaderMemory {
  readonly #held: HeldBytes;
  readonly #nowMs: () => number;
  readonly #maxBytes: number;
  readonly #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(nowMs: () => number, maxBytes = MAX_READER_BYTES) {
    this.#nowMs = nowMs;
    this.#maxBytes = maxBytes;
    this.#held = new HeldBytes({ maxBytes, sparedMs: READER_SPARED_MS, nowMs });
  }

  /** Whether buffers may be borrowed that are not needed yet. */
  get isRoomy(): boolean {
    return this.#queue.length === 0 && this.#held.bytes < this.#maxBytes / 2;
  }

  get lentBytes(): number {
    return this.#held.bytes;
  }

  /** @param cut ends the stream, whose client has stood still for too long */
  enter(cut: (fault: PeerLinkError) => void): ReaderShare {
    const holding = this.#held.begin(() => cut(busy()));
    let lentBytes = 0;
    let isOver = false;
    const end = () => {
      holding.end();
      this.#serve();
    };
    return {
      borrow: async (bytes, signal) => {
        await this.#borrow(holding, bytes, signal);
        lentBytes += bytes;
      },
      repay: (bytes, isTaken) => {
        lentBytes -= bytes;
        if (isTaken) holding.moved();
        holding.give(bytes);
        if (isOver && lentBytes <= 0) holding.end();
        this.#serve();
      },
      end: (isDrained) => {
        isOver = true;
        if (!isDrained || lentBytes <= 0) end();
      },
    };
  }

  #borrow(holding: Holding, bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#queue.length === 0 && holding.add(bytes)) return Promise.resolve();
    if (this.#queue.length >= MAX_QUEUED_STREAMS) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', onAbort);
        const place = this.#queue.indexOf(waiting);
        if (place !== -1) this.#queue.splice(place, 1);
      };
      const onAbort = () => {
        leave();
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        bytes,
        holding,
        deadlineMs: this.#nowMs() + MAX_WAIT_MS,
        admit: () => {
          leave();
          resolve();
        },
        refuse: () => {
          leave();
          reject(busy());
        },
      };
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiting);
      this.#timer ??= setInterval(() => this.#serve(), LOOK_AGAIN_MS).unref();
    });
  }

  #serve(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.holding.add(first.bytes)) first.admit();
      else if (first.deadlineMs <= this.#nowMs()) first.refuse();
      else return;
    }
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Pieces that a client has not taken: while there are any, their stream keeps all that it borrowed at once. */
export class KeptPieces {
  readonly #share: ReaderShare;
  readonly #borrowedBytes: number;
  #count = 0;
  #isOver = false;

  constructor(share: ReaderShare, borrowedBytes: number) {
    this.#share = share;
    this.#borrowedBytes = borrowedBytes;
  }

  add<P extends Released>(piece: P): P {
    this.#count += 1;
    const release: Released['release'] = (how) => {
      piece.release(how);
      this.#count -= 1;
      const isLast = this.#isOver && this.#count === 0;
      this.#share.repay(isLast ? this.#borrowedBytes : 0, how === 'taken');
    };
    return { ...piece, release };
  }

  end(isDrained: boolean): void {
    this.#isOver = true;
    this.#share.end(isDrained && this.#count > 0);
  }
}

function busy(): PeerLinkError {
  return new PeerLinkError('busy', 'Too much is being read at once. Go on by Range in a moment.', {
    retryAfterSeconds: 5,
  });
}
