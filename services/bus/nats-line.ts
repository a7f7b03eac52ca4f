import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect, Events, type NatsConnection, type TlsOptions } from 'nats';
import type { BusLine, LineHandlers } from './bus-line.ts';

const RECONNECT_WAIT_MS = 250;
const PING_EVERY_MS = 2_000;
/** Pings without an answer after which the connection counts as lost. */
const MAX_UNANSWERED_PINGS = 2;

/** Where NATS is: `nats://user:password@host:4222`, `nats://token@host`, or `tls://` for an encrypted one. */
export function natsOptions(url: string, connectTimeoutMs: number): ConnectionOptions {
  const { protocol, hostname, port, username, password } = new URL(url);
  const user = decodeURIComponent(username);
  const credentials =
    password === '' ? (user === '' ? {} : { token: user }) : { user, pass: decodeURIComponent(password) };
  return {
    servers: [`${hostname}:${port === '' ? '4222' : port}`],
    ...credentials,
    ...(protocol === 'tls:' ? { tls: tlsOptions(hostname) } : {}),
    name: 'peerlink-bus',
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    // A server that restarts before its users file is readable refuses us only for a moment.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: MAX_UNANSWERED_PINGS,
  };
}

/**
 * The client hands these on to Node. Without a host, it would compare the certificate of a server that is named by an IP
 * address with the name `localhost`.
 */
function tlsOptions(hostname: string): TlsOptions {
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host } as TlsOptions;
}

/** One connection to NATS. The client renews it and the subscriptions on it; one that it gives up is made anew here. */
export class NatsLine implements BusLine {
  readonly name = 'NATS';
  readonly #options: ConnectionOptions;
  #connection: NatsConnection;
  #channels: readonly string[] = [];
  #handlers: LineHandlers | null = null;
  #isUp = false;
  #isClosed = false;

  /** @param connection made with the same options */
  constructor(connection: NatsConnection, options: ConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async open(channels: readonly string[], handlers: LineHandlers): Promise<void> {
    this.#channels = channels;
    this.#isUp = await this.#begin();
    this.#handlers = handlers;
  }

  isUp(): boolean {
    return this.#isUp;
  }

  /** NATS confirms nothing: what is written to a living connection counts as published. */
  async publish(channel: string, message: Buffer): Promise<void> {
    if (!this.#isUp) throw new Error('NATS is away');
    this.#connection.publish(channel, message);
  }

  renew(): void {
    this.#setUp(false);
    void this.#connection.reconnect().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#handlers = null;
    // The last messages, such as that this node leaves, are sent before the end.
    await this.#connection.drain().catch(() => this.#connection.close());
  }

  /** Resolves to true once the server has taken the subscriptions; false: the connection is lost already. */
  async #begin(): Promise<boolean> {
    const connection = this.#connection;
    for (const channel of this.#channels) {
      connection.subscribe(channel, {
        callback: (fault, message) => {
          if (fault === null) this.#handlers?.onMessage(message.subject, Buffer.from(message.data));
        },
      });
    }
    void this.#follow(connection).catch(() => undefined);
    void connection.closed().then(() => this.#reopen());
    return connection.flush().then(
      () => true,
      () => false,
    );
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === Events.Disconnect) this.#setUp(false);
      if (type !== Events.Reconnect) continue;
      // An answer to this means that the subscriptions before it stand.
      await connection.flush().then(
        () => this.#setUp(true),
        () => undefined,
      );
    }
  }

  async #reopen(): Promise<void> {
    this.#setUp(false);
    while (!this.#isClosed) {
      try {
        this.#connection = await connect(this.#options);
        if (await this.#begin()) this.#setUp(true);
        return;
      } catch {
        await delay(RECONNECT_WAIT_MS);
      }
    }
  }

  #setUp(isUp: boolean): void {
    if (this.#isUp === isUp || this.#handlers === null) return;
    this.#isUp = isUp;
    if (isUp) this.#handlers.onUp();
    else this.#handlers.onDown();
  }
}
