import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { RedisSettings } from '../config.ts';

/** After the first connection it is retried for ever, from REDIS_RETRY_DELAY up to this. */
const MAX_RECONNECT_DELAY_MS = 2_000;
const KEEP_ALIVE_MS = 10_000;
/** For a sentinel to answer, its connection included: the next one is asked instead of one that is frozen or cut off. */
const SENTINEL_DEADLINE_MS = 2_000;
/** A server that is frozen does not close its side. */
const GOODBYE_MS = 200;

/**
 * Where Redis is and how every connection to it behaves: commands wait for the connection instead of ending the process
 * (`maxRetriesPerRequest` of ioredis counts to 20 and rejects what nobody awaits), and it comes back by itself.
 */
export function redisOptions(settings: RedisSettings, connectionName: string): RedisOptions {
  const credentials = {
    ...(settings.password === null ? {} : { password: settings.password }),
    ...(settings.username === undefined ? {} : { username: settings.username }),
  };
  const place =
    settings.sentinels.length === 0
      ? { host: settings.host, port: settings.port }
      : {
          sentinels: settings.sentinels.map((sentinel) => ({ ...sentinel })),
          name: settings.sentinelMaster,
          sentinelCommandTimeout: sentinelDeadlineMs(settings),
          ...(settings.sentinelPassword === null ? {} : { sentinelPassword: settings.sentinelPassword }),
        };
  return {
    ...place,
    ...credentials,
    ...(settings.isEncrypted ? { tls: tlsOptions(settings.host) } : {}),
    db: settings.db,
    connectionName,
    // CLIENT SETINFO is of Redis 7.2.
    disableClientInfo: true,
    connectTimeout: settings.connectTimeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    disconnectTimeout: GOODBYE_MS,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => reconnectDelayMs(times, settings.retryDelayMs, Math.random()),
    sentinelRetryStrategy: (times) => reconnectDelayMs(times, settings.retryDelayMs, Math.random()),
    // After a fail-over the old master refuses writes: ask the sentinels again.
    reconnectOnError: (fault) => fault.message.startsWith('READONLY'),
  };
}

/** ioredis does not say by itself which host it asks for: where one address is that of many, the service chooses by the name. */
function tlsOptions(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

/** How long one sentinel may take to say where Redis is. */
export function sentinelDeadlineMs({ connectTimeoutMs }: RedisSettings): number {
  return Math.min(SENTINEL_DEADLINE_MS, connectTimeoutMs);
}

/** Doubled each time up to 2 s, half of it random, so that nodes do not reconnect all at once. @param random 0 to 1 */
export function reconnectDelayMs(times: number, firstDelayMs: number, random: number): number {
  const delayMs = Math.min(MAX_RECONNECT_DELAY_MS, firstDelayMs * 2 ** (times - 1));
  return Math.round(delayMs / 2 + (delayMs / 2) * random);
}
