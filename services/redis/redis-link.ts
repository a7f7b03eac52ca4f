import { Redis } from 'ioredis';
import type { RedisSettings } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { firstConnection, type RedisLog } from './first-connection.ts';
import { redisOptions } from './redis-options.ts';

/** A command that takes longer is not worth waiting for: what stands in for Redis is faster. */
export const ANSWER_DEADLINE_MS = 500;
/** After a command without an answer the next ones fail at once, so that a frozen Redis costs one wait a second. */
const REST_MS = 1_000;
/** A connection that owes an answer so long is dropped and made anew. */
const DEAD_AFTER_MS = 3_000;
/** So that a server that vanished silently is noticed even while nobody asks for anything. */
const PING_EVERY_MS = 2_000;
/** Told of one outage. */
const MAX_REASONS = 10;

/** This node's connections to Redis, apart from the bus, which has its own (services/bus/redis-line.ts). */
export interface RedisLink {
  /**
   * Asks Redis on behalf of a request: it never waits longer than ANSWER_DEADLINE_MS, and not at all while Redis is known
   * to be away. @throws unavailable
   */
  ask<T>(work: (client: Redis) => Promise<T>): Promise<T>;
  /** A hint to all who subscribed, lost while Redis is away. Never throws. */
  publish(channel: string, text: string): void;
  /** Listens from now on, over every reconnection. */
  subscribe(channel: string, listener: (text: string) => void): void;
  isUp(): boolean;
  close(): void;
}

/** Opens the connections, once Redis was seen to answer and to be new enough. @throws unavailable, see firstConnection */
export async function openRedis(settings: RedisSettings, log: RedisLog): Promise<RedisLink> {
  await firstConnection(settings, log);
  const options = redisOptions(settings, 'peerlink');
  const requests = new Redis({
    ...options,
    // Nothing waits for a connection: what stands in for Redis is asked instead.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    socketTimeout: DEAD_AFTER_MS,
  });
  const subscriber = new Redis({ ...redisOptions(settings, 'peerlink-hints'), socketTimeout: DEAD_AFTER_MS });
  const link = linkOf(requests, subscriber, log);
  // Both are there in milliseconds; if Redis went away just now, they come when it does.
  await Promise.all([requests, subscriber].map((client) => readyWithin(client, settings.connectTimeoutMs)));
  return link;
}

function linkOf(requests: Redis, subscriber: Redis, log: RedisLog): RedisLink {
  const listeners = new Map<string, (text: string) => void>();
  let restsUntilMs = 0;
  let isUp = true;
  let isClosed = false;
  const toldReasons = new Set<string>();
  const learn = (isAnswering: boolean) => {
    if (isClosed || isUp === isAnswering) return;
    isUp = isAnswering;
    toldReasons.clear();
    if (isUp) log.info({}, 'Redis answers again');
    else log.warn({}, 'Redis is away: caches are skipped and each node limits rates by its own share');
  };
  // Without a listener a lost connection would end the process; ioredis connects again by itself.
  for (const client of [requests, subscriber]) {
    client.on('error', ({ message }) => {
      // It tries again every two seconds: each reason once, such as a password that was changed.
      if (isClosed || toldReasons.has(message) || toldReasons.size >= MAX_REASONS) return;
      toldReasons.add(message);
      log.warn({ reason: message }, 'a connection to Redis failed');
    });
  }
  requests.on('close', () => learn(false)).on('ready', () => learn(true));
  subscriber.on('message', (channel: string, text: string) => listeners.get(channel)?.(text));

  const ask = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
    if (requests.status !== 'ready' || performance.now() < restsUntilMs) throw redisAway();
    try {
      const answer = await inTime(work(requests));
      learn(true);
      return answer;
    } catch (cause) {
      // An answer that refuses comes from a Redis that is there.
      const isAnswering = (cause as Error).name === 'ReplyError';
      if (!isAnswering) restsUntilMs = performance.now() + REST_MS;
      learn(isAnswering);
      throw redisAway(cause);
    }
  };
  const pinging = setInterval(() => {
    ask((client) => client.ping()).catch(() => undefined);
    if (subscriber.status === 'ready') subscriber.ping().catch(() => undefined);
  }, PING_EVERY_MS).unref();

  return {
    ask,
    isUp: () => isUp,
    publish: (channel, text) => void ask((client) => client.publish(channel, text)).catch(() => undefined),
    subscribe: (channel, listener) => {
      listeners.set(channel, listener);
      subscriber.subscribe(channel).catch(() => undefined);
    },
    close: () => {
      isClosed = true;
      clearInterval(pinging);
      requests.disconnect();
      subscriber.disconnect();
    },
  };
}

/** The answer, or an error once ANSWER_DEADLINE_MS are over. What comes later is let go. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new Error(`no answer within ${ANSWER_DEADLINE_MS} ms`));
    // When this process itself stood still, the timer comes before answers that are there already: they are read first.
    const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), ANSWER_DEADLINE_MS);
    const settle = () => clearTimeout(timer);
    answer.then(resolve, reject).then(settle, settle);
  });
}

function readyWithin(client: Redis, deadlineMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, deadlineMs);
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function redisAway(cause?: unknown): PeerLinkError {
  return new PeerLinkError('unavailable', 'Redis does not answer', { cause, retryAfterSeconds: 1 });
}
