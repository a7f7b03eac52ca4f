import { PeerLinkError } from '../../contracts/errors.ts';
import type { BufferPool } from '../data-plane/buffer-pool.ts';
import { CONNECT_MS, PeerConnection } from './peer-connection.ts';

/** Connections kept to one node; more requests at once open more. */
const MAX_RESTING = 64;
/** Below the other side's own time-out, so that it is we who close: a request never meets a connection that is going. */
const REST_MS = 30_000;
const LOOK_MS = 5_000;
/** To one node at once. Streams of clients are bounded by connections; this bounds what a fault of ours could open. */
const MAX_OPEN = 4_096;

interface Place {
  readonly resting: PeerConnection[];
  openCount: number;
}

/** Keep-alive connections to other nodes, plain or TLS, by origin. */
export class PeerAgent {
  readonly #pool: BufferPool;
  readonly #places = new Map<string, Place>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** A free connection; a new one where it has to be fresh. @throws unavailable, busy, the signal's reason */
  async acquire(origin: URL, signal?: AbortSignal, { isFresh = false } = {}): Promise<PeerConnection> {
    const place = this.#placeOf(origin.origin);
    while (!isFresh) {
      const known = place.resting.pop();
      if (known === undefined) break;
      if (known.isIdle) return known;
    }
    if (this.#isClosed) throw new PeerLinkError('unavailable', 'This node is being stopped.');
    if (place.openCount >= MAX_OPEN)
      throw new PeerLinkError('busy', 'Too much goes to another node right now.', { retryAfterSeconds: 1 });
    place.openCount += 1;
    const leave = () => {
      place.openCount -= 1;
      if (place.openCount === 0) this.#places.delete(origin.origin);
    };
    try {
      const connection = await PeerConnection.open(origin, this.#pool, CONNECT_MS, signal);
      connection.onClosed = () => {
        leave();
        const at = place.resting.indexOf(connection);
        if (at !== -1) place.resting.splice(at, 1);
      };
      return connection;
    } catch (fault) {
      leave();
      throw fault;
    }
  }

  /** Takes a connection back whose request and answer are over; one that is not idle is closed. */
  release(origin: URL, connection: PeerConnection): void {
    const place = this.#placeOf(origin.origin);
    if (!connection.isIdle || this.#isClosed || place.resting.length >= MAX_RESTING) {
      connection.destroy(new Error('not needed any more'));
      return;
    }
    connection.restingSinceMs = performance.now();
    place.resting.push(connection);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const { resting } of this.#places.values())
      for (const connection of [...resting]) connection.destroy(new Error('this node is being stopped'));
  }

  #placeOf(origin: string): Place {
    let place = this.#places.get(origin);
    if (place === undefined) {
      place = { resting: [], openCount: 0 };
      this.#places.set(origin, place);
    }
    return place;
  }

  #look(): void {
    const now = performance.now();
    for (const { resting } of this.#places.values())
      for (const connection of [...resting])
        if (now - connection.restingSinceMs > REST_MS) connection.destroy(new Error('rested long enough'));
  }
}
