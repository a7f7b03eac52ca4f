import { PeerLinkError } from '../contracts/errors.ts';
import type { PublicSession } from '../contracts/http.ts';
import type { Clock } from '../kernel/clock.ts';
import { randomId, sha256, TOKEN_LENGTH } from '../kernel/ids.ts';
import { displayNameOf, friendlyName } from './display-names.ts';
import type { SessionCache, SessionRepository, SessionRow } from './ports.ts';
import { LOOK_BACK_MS, RevokedSessions } from './revoked-sessions.ts';
import { SessionUses } from './session-uses.ts';

const SESSION_ID_LENGTH = 22;
export interface SessionDeps {
  readonly repository: SessionRepository;
  readonly cache: SessionCache;
  /** How long a look-up may be answered from the cache. */
  readonly cachedMs: number;
  readonly clock: Clock;
  readonly ttlSeconds: number;
  readonly randomIndex: (bound: number) => number;
  /** Told of each look-up: whether the cache knew the answer. */
  readonly onLookup?: (result: 'hit' | 'miss' | 'away') => void;
}

export interface Sessions {
  create(displayName?: string): Promise<{ token: string; session: PublicSession }>;
  /** Null: unknown, expired or revoked. */
  resolve(token: string): Promise<PublicSession | null>;
  /** By its id, from the database: for who was identified before and comes again. Null: unknown, expired or revoked. */
  find(sessionId: string): Promise<PublicSession | null>;
  /**
   * Somebody has connections open in these: they are in use, whether or not anything is asked of them. By id the names of
   * those that are not over.
   */
  keep(sessionIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** @throws not_found, bad_name */
  rename(sessionId: string, displayName: string): Promise<PublicSession>;
  revoke(sessionId: string): Promise<void>;
  /** What an event of another node says: obeyed at once. */
  learnRevoked(sessionId: string): void;
  /** This node knows that it is over, whoever said otherwise a moment ago. */
  isRevoked(sessionId: string): boolean;
  /** Reads which sessions were revoked since the last time: events and cache may have missed one. Ids new to this node. */
  reconcile(): Promise<readonly string[]>;
}

/** Anonymous identity: a random token of which only the SHA-256 is kept. */
export function createSessions(deps: SessionDeps): Sessions {
  const { repository, cache, cachedMs, clock, ttlSeconds } = deps;
  const revoked = new RevokedSessions(deps);
  const uses = new SessionUses(deps);
  const use = async (row: SessionRow): Promise<PublicSession | null> => {
    const used = await uses.write(row);
    return used === null ? null : toPublic(used);
  };
  /** What the row says is over may have been prolonged meanwhile; while the database cannot answer it is not believed. */
  const isOver = (row: SessionRow) => row.expiresAt.getTime() <= clock.now();

  return {
    async create(displayName) {
      const token = randomId(TOKEN_LENGTH);
      const name = displayName === undefined ? friendlyName(deps.randomIndex) : displayNameOf(displayName);
      const row = await repository.insert(
        { id: randomId(SESSION_ID_LENGTH), tokenHash: sha256(token), displayName: name },
        ttlSeconds,
      );
      await cache.add(row, cachedMs);
      return { token, session: toPublic(row) };
    },
    async resolve(token) {
      const tokenHash = sha256(token);
      const cached = await cache.get(tokenHash.toString('hex'));
      deps.onLookup?.(cached === 'unknown' ? 'miss' : cached === 'away' ? 'away' : 'hit');
      if (cached === 'revoked') return null;
      if (cached === 'away') revoked.cacheIsAway();
      if (typeof cached === 'object' && revoked.isCacheTrusted()) {
        if (revoked.has(cached.id)) return null;
        if (isOver(cached)) return use(cached);
        if (uses.isDue(cached)) uses.writeBeside(cached);
        return toPublic(cached);
      }
      const row = await repository.findByTokenHash(tokenHash);
      if (row === null || revoked.has(row.id)) return null;
      if (uses.isDue(row)) return use(row);
      await cache.add(row, cachedMs);
      return toPublic(row);
    },
    async find(sessionId) {
      if (revoked.has(sessionId)) return null;
      const row = await repository.findById(sessionId);
      // It may have been revoked while the row was on its way.
      return row === null || revoked.has(sessionId) ? null : toPublic(row);
    },
    async keep(sessionIds) {
      await repository.keep(sessionIds, { ttlSeconds, notUsedForSeconds: uses.everyMs / 1000 });
      return repository.namesOf(sessionIds);
    },
    async rename(sessionId, displayName) {
      const row = await repository.rename(sessionId, displayNameOf(displayName));
      if (row === null) throw new PeerLinkError('not_found', 'There is no such session.');
      // A use that was written down before puts the row with the old name into the cache. Not awaited before the change: a
      // database that does not answer would make whoever asks wait twice.
      await uses.settled(sessionId);
      await cache.replace(row, cachedMs);
      return toPublic(row);
    },
    async revoke(sessionId) {
      const row = await repository.revoke(sessionId);
      revoked.learn(sessionId);
      if (row !== null) await cache.revoke(row.tokenHashHex, cachedMs + LOOK_BACK_MS);
    },
    learnRevoked: (sessionId) => void revoked.learn(sessionId),
    isRevoked: (sessionId) => revoked.has(sessionId),
    reconcile: () => revoked.read(),
  };
}

function toPublic(row: SessionRow): PublicSession {
  return { id: row.id, displayName: row.displayName, expiresAt: row.expiresAt.toISOString() };
}
