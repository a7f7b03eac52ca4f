import type { Config, RedisSettings } from '../config.ts';
import { isLoopbackHost } from '../kernel/loopback-host.ts';

/** Which server carries the bus: TRANSPORTER's, else the cluster's own Redis. */
export type BusAddress =
  | { readonly kind: 'redis'; readonly settings: RedisSettings; readonly isLocal: boolean; readonly variable: string }
  | { readonly kind: 'nats'; readonly url: string; readonly isLocal: boolean; readonly variable: 'TRANSPORTER' };

const DEFAULT_REDIS_PORT = 6379;

/** Null: this node is alone. */
export function busAddressOf(config: Pick<Config, 'isCluster' | 'redis' | 'bus'>): BusAddress | null {
  const { redis, bus } = config;
  if (!config.isCluster || redis === null) return null;
  if (bus.transporter === null) {
    const hosts = redis.sentinels.length > 0 ? redis.sentinels.map(({ host }) => host) : [redis.host];
    const variable = redis.sentinels.length > 0 ? 'REDIS_SENTINELS' : 'REDIS_HOST';
    return { kind: 'redis', settings: redis, isLocal: hosts.every(isLoopbackHost), variable };
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
      ...(url.protocol === 'rediss:' ? { isEncrypted: true } : {}),
    },
  };
}
