import { PeerLinkError } from '../../contracts/errors.ts';
import {
  MAX_QUEUED_STREAMS,
  MAX_STREAM_WAIT_MS,
  SLOW_BELOW_BYTES_PER_S,
  SLOW_OVER_MS,
} from '../../contracts/limits.ts';
import { once } from '../../kernel/once.ts';

/** "A stream in which nothing moved for 1 s holds no slot." */
const STILL_AFTER_MS = 1_000;
const LOOK_AGAIN_MS = 250;

interface Holder {
  streams: number;
  movedAtMs: number;
  /** Of its last whole window; one that has just come is not. */
  isSlow: boolean;
  windowSinceMs: number;
  windowBytes: number;
}
interface Queued {
  readonly transferId: string;
  readonly deadlineMs: number;
  admit(stream: MovingStream): void;
  refuse(): void;
}
export interface MovingStream {
  moved(bytes: number): void;
  /** Repeatable. */
  leave(): void;
}

/**
 * Counts transfers (not requests) that move at once; the next ones wait in a bounded queue. Only for them does it matter
 * who holds a slot: whoever is in goes on, however slowly.
 */
export class MovingTransfers {
  readonly #max: number;
  readonly #nowMs: () => number;
  readonly #holders = new Map<string, Holder>();
  #queue: Queued[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(max: number, nowMs: () => number) {
    this.#max = max;
    this.#nowMs = nowMs;
  }

  get streamCount(): number {
    let count = 0;
    for (const holder of this.#holders.values()) count += holder.streams;
    return count;
  }

  get transferCount(): number {
    return this.#holders.size;
  }

  /** @throws busy when the queue is full or the wait was too long */
  enter(transferId: string): Promise<MovingStream> {
    if (this.#hasRoom(transferId)) return Promise.resolve(this.#admit(transferId));
    if (this.#queue.length >= MAX_QUEUED_STREAMS) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      this.#queue.push({
        transferId,
        deadlineMs: this.#nowMs() + MAX_STREAM_WAIT_MS,
        admit: resolve,
        refuse: () => reject(busy()),
      });
      this.#timer ??= setInterval(() => this.#look(), LOOK_AGAIN_MS).unref();
    });
  }

  #hasRoom(transferId: string): boolean {
    const now = this.#nowMs();
    const isMoving = (holder: Holder) => {
      judge(holder, now);
      return now - holder.movedAtMs < STILL_AFTER_MS && !holder.isSlow;
    };
    const own = this.#holders.get(transferId);
    if (own !== undefined && isMoving(own)) return true;
    let moving = 0;
    for (const holder of this.#holders.values()) if (isMoving(holder)) moving += 1;
    return moving < this.#max;
  }

  #admit(transferId: string): MovingStream {
    const now = this.#nowMs();
    const holder = this.#holders.get(transferId) ?? {
      streams: 0,
      movedAtMs: 0,
      isSlow: false,
      windowSinceMs: now,
      windowBytes: 0,
    };
    this.#holders.set(transferId, holder);
    holder.streams += 1;
    holder.movedAtMs = now;
    return {
      moved: (bytes) => {
        holder.movedAtMs = this.#nowMs();
        judge(holder, holder.movedAtMs);
        holder.windowBytes += bytes;
      },
      leave: once(() => {
        holder.streams -= 1;
        if (holder.streams === 0) this.#holders.delete(transferId);
        this.#look();
      }),
    };
  }

  #look(): void {
    const now = this.#nowMs();
    const waiting: Queued[] = [];
    for (const queued of this.#queue) {
      if (this.#hasRoom(queued.transferId)) queued.admit(this.#admit(queued.transferId));
      else if (queued.deadlineMs <= now) queued.refuse();
      else waiting.push(queued);
    }
    this.#queue = waiting;
    if (waiting.length > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Looks at its window once that is over, and begins the next one. */
function judge(holder: Holder, nowMs: number): void {
  const windowMs = nowMs - holder.windowSinceMs;
  if (windowMs < SLOW_OVER_MS) return;
  holder.isSlow = holder.windowBytes * 1000 < SLOW_BELOW_BYTES_PER_S * windowMs;
  holder.windowSinceMs = nowMs;
  holder.windowBytes = 0;
}

function busy(): PeerLinkError {
  return new PeerLinkError('busy', 'Many transfers are moving right now. Try again in a moment.', {
    retryAfterSeconds: 5,
  });
}
