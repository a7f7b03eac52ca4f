import { Redis } from 'ioredis';
import type { RedisSettings } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { isLoopbackHost } from '../kernel/loopback-host.ts';
import type { RedisLog } from './first-connection.ts';
import { redisOptions } from './redis-options.ts';

export interface RedisPlace {
  /** Which variable names it. */
  readonly variable: 'REDIS_HOST' | 'REDIS_SENTINELS';
  /** Only this machine reaches it. */
  readonly isLocal: boolean;
}

export function placeOf({ host, sentinels }: RedisSettings): RedisPlace {
  if (sentinels.length === 0) return { variable: 'REDIS_HOST', isLocal: isLoopbackHost(host) };
  return { variable: 'REDIS_SENTINELS', isLocal: sentinels.every((sentinel) => isLoopbackHost(sentinel.host)) };
}

/** Whether only this machine reaches it. Sentinels on this machine may name a Redis that is on another. */
async function isRedisLocal(settings: RedisSettings): Promise<boolean> {
  if (settings.sentinels.length === 0 || !placeOf(settings).isLocal) return placeOf(settings).isLocal;
  return await asStranger(settings, async ({ stream }) => isLoopbackHost(stream.remoteAddress ?? ''));
}

/** True when Redis answers commands of a client that gave no password, although we were told one. */
async function isRedisOpen(settings: RedisSettings): Promise<boolean> {
  return await asStranger(settings, async (client) => {
    try {
      await client.ping();
      return true;
    } catch (fault) {
      if ((fault as Error).message.includes('NOAUTH')) return false;
      throw fault;
    }
  });
}

/** Looks over a connection for which no password was given. */
async function asStranger<T>(settings: RedisSettings, look: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({
    ...redisOptions({ ...settings, password: null }, 'peerlink-start'),
    lazyConnect: true,
    enableReadyCheck: false,
    db: 0,
    commandTimeout: settings.connectTimeoutMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await look(client);
  } finally {
    client.disconnect();
  }
}

/** Others than this machine reach it, and it asks nobody for a password. */
export async function isExposed(settings: RedisSettings): Promise<boolean> {
  if (await isRedisLocal(settings)) return false;
  return settings.password === null || (await isRedisOpen(settings));
}

/**
 * The sessions cached in Redis are trusted: whoever can write there can impersonate any session. Called where Redis is not
 * also the bus, which makes the same check itself.
 * @param isOpenAllowed ALLOW_INSECURE_BUS: an open Redis is only logged
 * @throws unavailable: it is not on this machine and lets anybody in
 */
export async function assertGuarded(settings: RedisSettings, isOpenAllowed: boolean, log: RedisLog): Promise<void> {
  if (!(await isExposed(settings))) return;
  const { variable } = placeOf(settings);
  if (!isOpenAllowed) {
    throw new PeerLinkError(
      'unavailable',
      `${variable}: this Redis is not on this machine and asks for no password, so anybody who reaches it could pass for ` +
        'any session; set requirepass and REDIS_PASSWORD, or start with ALLOW_INSECURE_BUS=true',
    );
  }
  log.warn(
    { redis: variable },
    'ALLOW_INSECURE_BUS: Redis lets in anybody who reaches it. The sessions in it are not signed: whoever writes there passes for any session, sees who is online and resets rate limits',
  );
}
