import type { LeaderHints } from '../ports.ts';

/** What this adapter needs of the connection to Redis; see services/redis/redis-link.ts. */
export interface Announcements {
  publish(channel: string, text: string): void;
  subscribe(channel: string, listener: (text: string) => void): void;
}

/** "Redis pub/sub announces": whoever hears it looks at the row, so a forged or lost word does no harm. */
export function createRedisLeaderHints(redis: Announcements, clusterId: string): LeaderHints {
  const channel = `peerlink:${clusterId}:leader`;
  return {
    tell: () => redis.publish(channel, ''),
    listen: (listener) => redis.subscribe(channel, () => listener()),
  };
}
