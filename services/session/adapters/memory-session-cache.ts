import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { SessionCache, SessionRow } from '../ports.ts';

/** About 300 bytes a session: 3 MiB at most. */
const MAX_CACHED_SESSIONS = 10_000;

/** Sessions of one process for seconds; the one used longest ago leaves first. */
export function createMemorySessionCache(
  clock: Clock = systemClock,
  maxSessions: number = MAX_CACHED_SESSIONS,
): SessionCache {
  const entries = new Map<string, { readonly row: SessionRow; readonly goodUntilMs: number }>();
  return {
    async get(tokenHashHex) {
      const entry = entries.get(tokenHashHex);
      if (entry === undefined) return null;
      entries.delete(tokenHashHex);
      if (entry.goodUntilMs <= clock.monotonicMs() || entry.row.expiresAt.getTime() <= clock.now()) return null;
      entries.set(tokenHashHex, entry);
      return entry.row;
    },
    async set(tokenHashHex, row, ttlMs) {
      entries.delete(tokenHashHex);
      entries.set(tokenHashHex, { row, goodUntilMs: clock.monotonicMs() + ttlMs });
      for (const oldest of entries.keys()) {
        if (entries.size <= maxSessions) break;
        entries.delete(oldest);
      }
    },
    async delete(tokenHashHex) {
      entries.delete(tokenHashHex);
    },
  };
}
