import type { Clock } from '../kernel/clock.ts';
import type { SessionCache, SessionRepository, SessionRow } from './ports.ts';

/** "touch at most once a minute": an extension later than that costs nobody a session. */
const WRITTEN_EVERY_MS = 60_000;
/** A session that lives shorter than minutes is extended at least so often in its life. */
const WRITTEN_A_LIFE = 4;

export interface SessionUsesDeps {
  readonly repository: Pick<SessionRepository, 'touch'>;
  readonly cache: Pick<SessionCache, 'replace' | 'revoke'>;
  /** How long a look-up may be answered from the cache. */
  readonly cachedMs: number;
  readonly clock: Clock;
  readonly ttlSeconds: number;
}

/** A session lives from its last use, which is written down now and then. */
export class SessionUses {
  /** A use is written down again after so long. */
  readonly everyMs: number;
  readonly #deps: SessionUsesDeps;
  readonly #beside = new Map<string, Promise<void>>();

  constructor(deps: SessionUsesDeps) {
    this.#deps = deps;
    this.everyMs = Math.min(WRITTEN_EVERY_MS, (deps.ttlSeconds * 1000) / WRITTEN_A_LIFE);
  }

  isDue(row: SessionRow): boolean {
    return this.#deps.clock.now() - row.lastUsedAt.getTime() >= this.everyMs;
  }

  /** @returns the row as it is now; null: the session is over */
  async write(row: SessionRow): Promise<SessionRow | null> {
    const { repository, cache, cachedMs, ttlSeconds } = this.#deps;
    const touched = await repository.touch(row.id, ttlSeconds);
    if (touched === null) await cache.revoke(row.tokenHashHex, cachedMs);
    else await cache.replace(touched, cachedMs);
    return touched;
  }

  /**
   * Beside the request that uses a session that was read a moment ago: a database that does not answer would make it wait
   * twice, here and for its own statement.
   */
  writeBeside(row: SessionRow): void {
    if (this.#beside.has(row.id)) return;
    const done = () => void this.#beside.delete(row.id);
    this.#beside.set(row.id, this.write(row).then(done, done));
  }

  /** Once what is written down beside a request is in the cache too, or has failed. */
  async settled(sessionId: string): Promise<void> {
    await this.#beside.get(sessionId);
  }
}
