import type { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { type MakeRateLimiter, pointsTaken, secondsOf, secondsUntilOne, sharedRateLimiter } from './rate-limit.ts';

/** What this adapter needs of the connection to Redis; see services/redis/redis-link.ts. */
export interface AskRedis {
  ask<T>(work: (client: Redis) => Promise<T>): Promise<T>;
}

/** So many times what is allowed is counted in Redis. */
const ASKED_UP_TO = 2;

/**
 * One count for all nodes, in Redis. "Redis away: rate limits fall back to each node's own share", counted in memory.
 * @param nodeCount nodes with a gateway, as last seen, this one too
 */
export function redisRateLimiter(redis: AskRedis, clusterId: string, nodeCount: () => number): MakeRateLimiter {
  return (name, points, windowSeconds) => {
    const ownShare = sharedRateLimiter(name, points, windowSeconds, nodeCount);
    let made: RateLimiterRedis | undefined;
    const limiterOn = (client: Redis): RateLimiterRedis => {
      made ??= new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `peerlink:${clusterId}:rate:${name}`,
        points,
        duration: windowSeconds,
        // Who goes on all the same is refused from memory: else a flood is one of questions to Redis, for which this node stands still.
        inMemoryBlockOnConsumed: ASKED_UP_TO * points,
      });
      return made;
    };
    return {
      async consume(key, more) {
        try {
          return await redis.ask((client) =>
            limiterOn(client)
              .consume(key, pointsTaken(more, points))
              .then(() => 0, secondsOf),
          );
        } catch {
          return ownShare.consume(key, more);
        }
      },
      async look(key) {
        try {
          return await redis.ask((client) => limiterOn(client).consume(key, 0).then(secondsUntilOne, secondsOf));
        } catch {
          return ownShare.look(key);
        }
      },
      async forgive(key) {
        await Promise.all([
          ownShare.forgive(key),
          redis.ask((client) => limiterOn(client).delete(key)).catch(() => false),
        ]);
      },
    };
  };
}
