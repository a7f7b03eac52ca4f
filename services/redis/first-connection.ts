import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisSettings } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { tlsFaultText } from '../kernel/tls-fault.ts';
import { redisOptions, sentinelDeadlineMs } from './redis-options.ts';

export interface RedisLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** No command of a newer version is used, and no older version is tested. */
const MIN_REDIS_MAJOR = 6;

/** How ioredis begins its error when no sentinel named a Redis. */
const SENTINELS_FAILED = 'All sentinels are unreachable';

/** Refusals that waiting does not cure, with the variable that is wrong. */
class HopelessFault extends Error {}

/**
 * Connects once, as REDIS_MAX_RETRIES, REDIS_RETRY_DELAY and REDIS_CONNECT_TIMEOUT say, and looks at the server's version.
 * @throws unavailable with a text for the operator that begins with the variable's name
 */
export async function firstConnection(settings: RedisSettings, log: RedisLog): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const version = await lookAt(settings);
      log.info({ version }, 'Redis answers');
      return;
    } catch (cause) {
      if (cause instanceof HopelessFault || attempt === settings.maxRetries) {
        throw new PeerLinkError('unavailable', messageOf(cause, settings), { cause });
      }
      log.warn({ attempt: attempt + 1 }, 'Redis does not answer yet');
      await delay(settings.retryDelayMs);
    }
  }
}

async function lookAt(settings: RedisSettings): Promise<string> {
  const options = redisOptions(settings, 'peerlink-start');
  const client = new Redis({
    ...options,
    lazyConnect: true,
    enableReadyCheck: false,
    // Selected below, where its refusal can be told from others.
    db: 0,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  let lastFault: Error | undefined;
  client.on('error', (fault: Error) => {
    lastFault = fault;
  });
  const timer = new AbortController();
  // Sentinels that do not answer must not use up the time of those that do.
  const deadlineMs = settings.connectTimeoutMs + settings.sentinels.length * sentinelDeadlineMs(settings);
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${deadlineMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([ask(client, settings.db), late]);
  } catch (fault) {
    throw toHopeless(lastFault ?? (fault as Error), settings);
  } finally {
    timer.abort();
    client.disconnect();
  }
}

async function ask(client: Redis, db: number): Promise<string> {
  await client.connect();
  const text = await client.info('server');
  const version = /^redis_version:(\S+)/m.exec(text)?.[1] ?? 'of unknown version';
  if (!(Number.parseInt(version, 10) >= MIN_REDIS_MAJOR)) {
    throw new HopelessFault(`REDIS_HOST names Redis ${version}; PeerLink needs Redis ${MIN_REDIS_MAJOR}.0 or newer`);
  }
  if (db !== 0) await client.select(db);
  return version;
}

function toHopeless(fault: Error, settings: RedisSettings): Error {
  const { message } = fault;
  const { host, port, sentinelPassword } = settings;
  const tls = tlsFaultText(fault, `Redis at ${host}:${port}`, 'NODE_EXTRA_CA_CERTS');
  if (tls !== null) return new HopelessFault(`REDIS_HOST: ${tls}`, { cause: fault });
  // What a sentinel says comes inside an error of ioredis. One that was given a wrong password asks for one, too.
  if (message.includes(SENTINELS_FAILED) && message.includes('NOAUTH')) {
    const what = sentinelPassword === null ? 'the sentinels ask for a password' : 'the sentinels refuse this password';
    return new HopelessFault(`REDIS_SENTINEL_PASSWORD: ${what}`, { cause: fault });
  }
  if (message.includes('WRONGPASS') || message.includes('invalid password')) {
    return new HopelessFault('REDIS_PASSWORD: Redis refuses this password', { cause: fault });
  }
  if (message.includes('NOAUTH')) {
    return new HopelessFault('REDIS_PASSWORD: Redis asks for a password', { cause: fault });
  }
  if (message.includes('DB index')) {
    return new HopelessFault('REDIS_DB: Redis has no database of this number', { cause: fault });
  }
  return fault;
}

function messageOf(cause: unknown, settings: RedisSettings): string {
  if (cause instanceof HopelessFault) return cause.message;
  const tries = settings.maxRetries + 1;
  const times = tries === 1 ? 'once' : `${tries} times (REDIS_MAX_RETRIES)`;
  const reason = ` (${(cause as Error).message.replace(/^.*Last error: /, '')})`;
  if (settings.sentinels.length > 0) {
    return `REDIS_SENTINELS: no sentinel names a Redis called ${settings.sentinelMaster} that answers, asked ${times}${reason}`;
  }
  return `REDIS_HOST: no Redis answers at ${settings.host}:${settings.port}, asked ${times}${reason}`;
}
