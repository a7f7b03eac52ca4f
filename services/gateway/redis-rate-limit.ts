import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { type MakeRateLimiter, pointsTaken, secondsOf, secondsUntilOne, sharedRateLimiter } from './rate-limit.ts';

/** What this adapter needs of the connection to Redis; see services/redis/redis-link.ts. */
export interface AskRedis {
  ask<T>(work: (client: Redis) => Promise<T>): Promise<T>;
}

/** So many times what is allowed is counted in Redis. */
const ASKED_UP_TO = 2;
/** Of one limit, the latest that are refused from memory; the others are asked for in Redis. */
const MAX_REFUSED_KEYS = 10_000;

/**
 * Who goes on long after the first refusal is refused from memory: else a flood is one of questions to Redis, for which this
 * node stands still. The library's own would go by the wall clock, which may be set back by an hour.
 */
class RefusedKeys {
  readonly #untilMs = new Map<string, number>();

  /** @returns seconds, 0 when it is not among them */
  secondsLeft(key: string): number {
    const leftMs = (this.#untilMs.get(key) ?? 0) - performance.now();
    if (leftMs > 0) return Math.ceil(leftMs / 1000);
    this.#untilMs.delete(key);
    return 0;
  }

  add(key: string, ms: number): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, performance.now() + ms);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > MAX_REFUSED_KEYS && oldest !== undefined) this.#untilMs.delete(oldest);
  }

  forget(key: string): void {
    this.#untilMs.delete(key);
  }
}

/**
 * One count for all nodes, in Redis. "Redis away: rate limits fall back to each node's own share", counted in memory.
 * @param nodeCount nodes with a gateway, as last seen, this one too
 */
export function redisRateLimiter(redis: AskRedis, clusterId: string, nodeCount: () => number): MakeRateLimiter {
  return (name, points, windowSeconds) => {
    const ownShare = sharedRateLimiter(name, points, windowSeconds, nodeCount);
    const refused = new RefusedKeys();
    let made: RateLimiterRedis | undefined;
    const limiterOn = (client: Redis): RateLimiterRedis => {
      made ??= new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `peerlink:${clusterId}:rate:${name}`,
        points,
        duration: windowSeconds,
      });
      return made;
    };
    const refusal = (key: string, fault: unknown): number => {
      if (fault instanceof RateLimiterRes && fault.consumedPoints >= ASKED_UP_TO * points)
        refused.add(key, fault.msBeforeNext);
      return secondsOf(fault);
    };
    return {
      async consume(key, more) {
        const seconds = refused.secondsLeft(key);
        if (seconds > 0) return seconds;
        try {
          return await redis.ask((client) =>
            limiterOn(client)
              .consume(key, pointsTaken(more, points))
              .then(
                () => 0,
                (fault: unknown) => refusal(key, fault),
              ),
          );
        } catch {
          return ownShare.consume(key, more);
        }
      },
      async look(key) {
        const seconds = refused.secondsLeft(key);
        if (seconds > 0) return seconds;
        try {
          return await redis.ask((client) => limiterOn(client).consume(key, 0).then(secondsUntilOne, secondsOf));
        } catch {
          return ownShare.look(key);
        }
      },
      async forgive(key) {
        refused.forget(key);
        await Promise.all([
          ownShare.forgive(key),
          redis.ask((client) => limiterOn(client).delete(key)).catch(() => false),
        ]);
      },
    };
  };
}
