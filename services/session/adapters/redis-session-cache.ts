import type { Redis } from 'ioredis';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { CachedSession, SessionCache, SessionRow } from '../ports.ts';

/** What this adapter needs of the connection to Redis; see services/redis/redis-link.ts. */
export interface AskRedis {
  ask<T>(work: (client: Redis) => Promise<T>): Promise<T>;
}

const REVOKED = 'revoked';
/** The key's value is replaced unless it says that the session is over: that word must not be lost to a slower writer. */
const REPLACE_UNLESS_REVOKED = `
if redis.call('get', KEYS[1]) == '${REVOKED}' then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** What all nodes of a cluster have read of sessions. A flush or restart loses nothing: the database is the truth. */
export function createRedisSessionCache(redis: AskRedis, clusterId: string, clock: Clock = systemClock): SessionCache {
  const keyOf = (tokenHashHex: string) => `peerlink:${clusterId}:session:${tokenHashHex}`;
  const quietly = async (work: (client: Redis) => Promise<unknown>): Promise<void> => {
    await redis.ask(work).catch(() => undefined);
  };
  return {
    get: async (tokenHashHex) => {
      const text = await redis.ask((client) => client.get(keyOf(tokenHashHex))).catch(() => 'away' as const);
      if (text === null) return 'unknown';
      return text === 'away' ? 'away' : sessionOf(text, tokenHashHex, clock.now());
    },
    add: async (row, ttlMs) => {
      const px = lifeMs(row, ttlMs, clock.now());
      if (px > 0) await quietly((client) => client.set(keyOf(row.tokenHashHex), textOf(row), 'PX', px, 'NX'));
    },
    replace: async (row, ttlMs) => {
      const px = lifeMs(row, ttlMs, clock.now());
      if (px > 0)
        await quietly((client) => client.eval(REPLACE_UNLESS_REVOKED, 1, keyOf(row.tokenHashHex), textOf(row), px));
    },
    revoke: (tokenHashHex, ttlMs) =>
      quietly((client) => client.set(keyOf(tokenHashHex), REVOKED, 'PX', Math.ceil(ttlMs))),
  };
}

/** Never longer than the session itself. */
function lifeMs(row: SessionRow, ttlMs: number, nowMs: number): number {
  return Math.ceil(Math.min(ttlMs, row.expiresAt.getTime() - nowMs));
}

function textOf({ id, displayName, createdAt, lastUsedAt, expiresAt }: SessionRow): string {
  return JSON.stringify([id, displayName, createdAt.getTime(), lastUsedAt.getTime(), expiresAt.getTime()]);
}

/** Whatever is no entry of ours counts as none: the database says what is right. */
function sessionOf(text: string, tokenHashHex: string, nowMs: number): CachedSession {
  if (text === REVOKED) return 'revoked';
  try {
    const found: unknown = JSON.parse(text);
    if (!Array.isArray(found)) return 'unknown';
    const [id, displayName, createdMs, lastUsedMs, expiresMs] = found as unknown[];
    if (typeof id !== 'string' || typeof displayName !== 'string') return 'unknown';
    if (![createdMs, lastUsedMs, expiresMs].every(isTime)) return 'unknown';
    const [createdAt, lastUsedAt, expiresAt] = [createdMs, lastUsedMs, expiresMs].map((ms) => new Date(ms as number));
    const row = { id, tokenHashHex, displayName, createdAt, lastUsedAt, expiresAt, revokedAt: null } as SessionRow;
    return row.expiresAt.getTime() > nowMs ? row : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Beyond these a Date is none (ECMAScript, 21.4.1.1). */
const MAX_TIME_MS = 8.64e15;

function isTime(ms: unknown): boolean {
  return Number.isSafeInteger(ms) && Math.abs(ms as number) <= MAX_TIME_MS;
}
