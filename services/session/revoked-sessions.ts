import type { Clock } from '../kernel/clock.ts';
import type { SessionRepository } from './ports.ts';

/** Ids that are known to be over. Old ones have left every cache long ago. */
const MAX_REVOKED = 10_000;
/** A node looks back further than it was without an answer: commits show later than they are dated. */
export const LOOK_BACK_MS = 10_000;
/** "Revocation within 2 s on all nodes": so long a cache that comes back may hold what it was not told to forget. */
const CAUTIOUS_MS = 2_000;

export interface RevokedSessionsDeps {
  readonly repository: Pick<SessionRepository, 'revokedWithin'>;
  /** How long a look-up may be answered from the cache. */
  readonly cachedMs: number;
  readonly clock: Clock;
}

/** The sessions that this node knows to be over, whatever cache and rows said a moment ago. */
export class RevokedSessions {
  readonly #deps: RevokedSessionsDeps;
  readonly #ids = new Set<string>();
  #readAtMs: number;
  #hasRead = false;
  #cacheAwayAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: RevokedSessionsDeps) {
    this.#deps = deps;
    this.#readAtMs = deps.clock.monotonicMs() - deps.cachedMs;
  }

  has(sessionId: string): boolean {
    return this.#ids.has(sessionId);
  }

  /** @returns whether that is new to this node */
  learn(sessionId: string): boolean {
    if (this.#ids.has(sessionId)) return false;
    this.#ids.add(sessionId);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= MAX_REVOKED) break;
      this.#ids.delete(oldest);
    }
    return true;
  }

  /** Reads those revoked since the last time: events and cache may have missed one. @returns what is new to this node */
  async read(): Promise<readonly string[]> {
    const { repository, cachedMs, clock } = this.#deps;
    const askedAtMs = clock.monotonicMs();
    // What was revoked before is in no cache any more.
    const awayMs = Math.min(askedAtMs - this.#readAtMs, cachedMs);
    const ids = await repository.revokedWithin((awayMs + LOOK_BACK_MS) / 1000, MAX_REVOKED);
    this.#readAtMs = askedAtMs;
    this.#hasRead = true;
    return ids.filter((id) => this.learn(id));
  }

  cacheIsAway(): void {
    this.#cacheAwayAtMs = this.#deps.clock.monotonicMs();
  }

  /** Else a session that was over here while the cache was away would be there again until the next look at the rows. */
  isCacheTrusted(): boolean {
    if (!this.#hasRead || this.#readAtMs > this.#cacheAwayAtMs) return true;
    return this.#deps.clock.monotonicMs() - this.#cacheAwayAtMs >= CAUTIOUS_MS;
  }
}
