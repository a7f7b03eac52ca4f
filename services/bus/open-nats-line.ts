import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { OpenLine } from './bus-line.ts';
import { NatsLine, natsOptions } from './nats-line.ts';

/**
 * A connection to NATS. The first one is tried as `redis` says.
 * @throws unavailable with a text for the operator that begins with the variable's name
 */
export async function openNatsLine(url: string, redis: Config['redis']): Promise<OpenLine> {
  const options = natsOptions(url, redis?.connectTimeoutMs ?? 0);
  const tries = (redis?.maxRetries ?? 0) + 1;
  let connection: NatsConnection | undefined;
  for (let attempt = 1; connection === undefined; attempt += 1) {
    try {
      connection = await connect({ ...options, maxReconnectAttempts: 0, reconnect: false });
      await connection.close();
      connection = await connect(options);
    } catch (cause) {
      if (attempt >= tries) {
        const { host } = new URL(url);
        const times = tries === 1 ? 'once' : `${tries} times (REDIS_MAX_RETRIES)`;
        throw new PeerLinkError('unavailable', `TRANSPORTER: no NATS answers at ${host}, asked ${times}`, { cause });
      }
      connection = undefined;
      await delay(redis?.retryDelayMs ?? 0);
    }
  }
  const { auth_required: isAuthRequired, tls_verify: isClientVerified, max_payload } = connection.info ?? {};
  return {
    line: new NatsLine(connection, options),
    isOpen: isAuthRequired !== true && isClientVerified !== true,
    ...(max_payload === undefined ? {} : { maxMessageBytes: max_payload }),
  };
}
