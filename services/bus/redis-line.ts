import { Redis } from 'ioredis';
import type { RedisSettings } from '../config.ts';
import { redisOptions } from '../redis/redis-options.ts';
import type { BusLine, LineHandlers } from './bus-line.ts';

/** Messages that Redis has not confirmed. A frozen server is noticed within seconds; until then they stay below this. */
const MAX_UNCONFIRMED = 10_000;

/**
 * Moleculer's own Redis transporter makes two new clients at each reconnect and forgets the old ones, which go on
 * connecting and subscribing: every restart leaks connections, and an action can run twice. Here two clients live as
 * long as the process; each connects again by itself, and the subscriptions are made anew by us, once a connection.
 */
export class RedisLine implements BusLine {
  readonly name = 'Redis';
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  #channels: readonly string[] = [];
  #handlers: LineHandlers | null = null;
  /** Counts connections of the subscriber, so that an answer of an earlier one is not taken for this one's. */
  #connection = 0;
  #isSubscribed = false;
  #wasUp = false;
  #unconfirmed = 0;

  constructor(settings: RedisSettings) {
    this.#publisher = new Redis(redisOptions(settings, 'peerlink-bus-out'));
    // ioredis' own renewal of subscriptions drops the promise of the command, and with it a refusal.
    this.#subscriber = new Redis({ ...redisOptions(settings, 'peerlink-bus-in'), autoResubscribe: false });
    for (const client of [this.#publisher, this.#subscriber]) {
      // Without a listener a lost connection would end the process; ioredis connects again by itself.
      client.on('error', () => undefined);
      client.on('close', () => this.#look());
    }
    this.#publisher.on('ready', () => this.#look());
    this.#subscriber.on('close', () => this.#forgetSubscriptions());
    this.#subscriber.on('ready', () => void this.#subscribe().catch(() => this.renew()));
    this.#subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.#handlers?.onMessage(channel.toString(), message),
    );
  }

  async open(channels: readonly string[], handlers: LineHandlers): Promise<void> {
    this.#channels = channels;
    await this.#subscribe();
    this.#wasUp = true;
    this.#handlers = handlers;
    this.#look();
  }

  isUp(): boolean {
    return this.#isSubscribed && this.#publisher.status === 'ready' && this.#subscriber.status === 'ready';
  }

  async publish(channel: string, message: Buffer): Promise<void> {
    if (!this.isUp()) throw new Error('Redis is away');
    if (this.#unconfirmed >= MAX_UNCONFIRMED) throw new Error(`Redis confirmed none of ${MAX_UNCONFIRMED} messages`);
    this.#unconfirmed += 1;
    try {
      // Interrupted by a lost connection it is sent again by ioredis: receivers take a packet once.
      await this.#publisher.publish(channel, message);
    } finally {
      this.#unconfirmed -= 1;
    }
  }

  renew(): void {
    this.#forgetSubscriptions();
    this.#publisher.disconnect(true);
    this.#subscriber.disconnect(true);
    this.#look();
  }

  async close(): Promise<void> {
    this.#handlers = null;
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }

  #forgetSubscriptions(): void {
    this.#connection += 1;
    this.#isSubscribed = false;
  }

  async #subscribe(): Promise<void> {
    if (this.#channels.length === 0) return;
    const connection = this.#connection;
    await this.#subscriber.subscribe(...this.#channels);
    if (connection !== this.#connection) return;
    this.#isSubscribed = true;
    this.#look();
  }

  #look(): void {
    const isUp = this.isUp();
    if (this.#handlers === null || isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    if (isUp) this.#handlers.onUp();
    else this.#handlers.onDown();
  }
}
