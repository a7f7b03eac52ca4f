import type { SessionInfo } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import { randomId, sha256, TOKEN_LENGTH } from '../kernel/ids.ts';
import { displayNameOf, friendlyName } from './display-names.ts';
import type { SessionCache, SessionRepository, SessionRow } from './ports.ts';

const SESSION_ID_LENGTH = 22;
/** "Revocation within 2 s on all nodes", also when the event about it was lost. */
const CACHED_MS = 2_000;
/** "touch at most once a minute": an extension later than that costs nobody a session. */
const TOUCH_EVERY_MS = 60_000;
/** Ids whose cached row counts for nothing, until it is read anew. Old ones have left the cache long ago. */
const MAX_OUTDATED = 10_000;

export interface SessionDeps {
  readonly repository: SessionRepository;
  readonly cache: SessionCache;
  readonly clock: Clock;
  readonly ttlSeconds: number;
  readonly randomIndex: (bound: number) => number;
}

export interface Sessions {
  create(displayName?: string): Promise<{ token: string; session: SessionInfo }>;
  /** Null: unknown, expired or revoked. */
  resolve(token: string): Promise<SessionInfo | null>;
  /** @throws not_found, bad_name */
  rename(sessionId: string, displayName: string): Promise<SessionInfo>;
  revoke(sessionId: string): Promise<void>;
  /** What an event of another node says: obeyed at once. */
  learnRevoked(sessionId: string): void;
}

/** Anonymous identity: a random token of which only the SHA-256 is kept. */
export function createSessions(deps: SessionDeps): Sessions {
  const { repository, cache, clock, ttlSeconds } = deps;
  const outdated = new Set<string>();

  const remember = async (tokenHashHex: string, row: SessionRow): Promise<SessionInfo> => {
    await cache.set(tokenHashHex, row, CACHED_MS);
    outdated.delete(row.id);
    return toInfo(row);
  };
  const distrustCached = (sessionId: string): void => {
    outdated.add(sessionId);
    for (const oldest of outdated) {
      if (outdated.size <= MAX_OUTDATED) break;
      outdated.delete(oldest);
    }
  };

  return {
    async create(displayName) {
      const token = randomId(TOKEN_LENGTH);
      const tokenHash = sha256(token);
      const name = displayName === undefined ? friendlyName(deps.randomIndex) : displayNameOf(displayName);
      const row = await repository.insert(
        { id: randomId(SESSION_ID_LENGTH), tokenHash, displayName: name },
        ttlSeconds,
      );
      return { token, session: await remember(tokenHash.toString('hex'), row) };
    },
    async resolve(token) {
      const tokenHash = sha256(token);
      const key = tokenHash.toString('hex');
      const cached = await cache.get(key);
      if (cached !== null && !outdated.has(cached.id)) return toInfo(cached);
      const row = await repository.findByTokenHash(tokenHash);
      if (row === null) return null;
      if (clock.now() - row.lastUsedAt.getTime() < TOUCH_EVERY_MS) return remember(key, row);
      const touched = await repository.touch(row.id, ttlSeconds);
      return touched === null ? null : remember(key, touched);
    },
    async rename(sessionId, displayName) {
      const row = await repository.rename(sessionId, displayNameOf(displayName));
      if (row === null) throw new PeerLinkError('not_found', 'There is no such session.');
      distrustCached(sessionId);
      return toInfo(row);
    },
    async revoke(sessionId) {
      await repository.revoke(sessionId);
      distrustCached(sessionId);
    },
    learnRevoked: distrustCached,
  };
}

function toInfo(row: SessionRow): SessionInfo {
  return { id: row.id, displayName: row.displayName, expiresAt: row.expiresAt.toISOString() };
}
