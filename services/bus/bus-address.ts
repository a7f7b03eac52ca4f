import type { Config, RedisSettings } from '../config.ts';
import { isLoopbackHost } from '../kernel/loopback-host.ts';
import { placeOf } from '../redis/guarded-redis.ts';

/** Which server carries the bus: TRANSPORTER's, else the cluster's own Redis. */
export type BusAddress =
  | { readonly kind: 'redis'; readonly settings: RedisSettings; readonly isLocal: boolean; readonly variable: string }
  | { readonly kind: 'nats'; readonly url: string; readonly isLocal: boolean; readonly variable: 'TRANSPORTER' };

const DEFAULT_REDIS_PORT = 6379;

/** Whether the cluster's own Redis is the bus too, which looks for itself whether its server asks for a password. */
export function isBusOnRedis({ isCluster, redis, bus }: Pick<Config, 'isCluster' | 'redis' | 'bus'>): boolean {
  return isCluster && redis !== null && bus.transporter === null;
}

/** Null: this node is alone. */
export function busAddressOf(config: Pick<Config, 'isCluster' | 'redis' | 'bus'>): BusAddress | null {
  const { redis, bus } = config;
  if (!config.isCluster || redis === null) return null;
  if (bus.transporter === null) {
    return { kind: 'redis', settings: redis, ...placeOf(redis) };
  }
  const url = new URL(bus.transporter);
  const isLocal = isLoopbackHost(url.hostname);
  if (url.protocol === 'nats:' || url.protocol === 'tls:') {
    return { kind: 'nats', url: bus.transporter, isLocal, variable: 'TRANSPORTER' };
  }
  const { sentinels: _own, ...rest } = redis;
  return {
    kind: 'redis',
    isLocal,
    variable: 'TRANSPORTER',
    settings: {
      ...rest,
      sentinels: [],
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? DEFAULT_REDIS_PORT : Number(url.port),
      password: url.password === '' ? null : decodeURIComponent(url.password),
      db: Number(url.pathname.slice(1)) || 0,
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      isEncrypted: url.protocol === 'rediss:',
    },
  };
}
