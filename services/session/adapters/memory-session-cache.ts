import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { SessionCache, SessionRow } from '../ports.ts';

/** About 300 bytes a session: 3 MiB at most. */
const MAX_CACHED_SESSIONS = 10_000;

/** Sessions of one process for seconds; the one used longest ago leaves first. */
export function createMemorySessionCache(
  clock: Clock = systemClock,
  maxSessions: number = MAX_CACHED_SESSIONS,
): SessionCache {
  const entries = new Map<string, { readonly row: SessionRow | 'revoked'; readonly goodUntilMs: number }>();
  const look = (tokenHashHex: string): SessionRow | 'revoked' | 'unknown' => {
    const entry = entries.get(tokenHashHex);
    if (entry === undefined) return 'unknown';
    entries.delete(tokenHashHex);
    if (entry.goodUntilMs <= clock.monotonicMs()) return 'unknown';
    if (entry.row !== 'revoked' && entry.row.expiresAt.getTime() <= clock.now()) return 'unknown';
    entries.set(tokenHashHex, entry);
    return entry.row;
  };
  const put = (tokenHashHex: string, row: SessionRow | 'revoked', ttlMs: number): void => {
    entries.delete(tokenHashHex);
    entries.set(tokenHashHex, { row, goodUntilMs: clock.monotonicMs() + ttlMs });
    for (const oldest of entries.keys()) {
      if (entries.size <= maxSessions) break;
      entries.delete(oldest);
    }
  };
  return {
    get: async (tokenHashHex) => look(tokenHashHex),
    add: async (row, ttlMs) => {
      if (look(row.tokenHashHex) === 'unknown') put(row.tokenHashHex, row, ttlMs);
    },
    replace: async (row, ttlMs) => {
      if (look(row.tokenHashHex) !== 'revoked') put(row.tokenHashHex, row, ttlMs);
    },
    revoke: async (tokenHashHex, ttlMs) => put(tokenHashHex, 'revoked', ttlMs),
  };
}
