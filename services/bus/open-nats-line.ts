import { setTimeout as delay } from 'node:timers/promises';
import { connect, ErrorCode, type NatsConnection } from 'nats';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { tlsFaultText } from '../kernel/tls-fault.ts';
import type { BusAddress } from './bus-address.ts';
import type { OpenLine } from './bus-line.ts';
import { NatsLine, natsOptions } from './nats-line.ts';

/**
 * A connection to NATS. The first one is tried as `redis` says.
 * @throws unavailable with a text for the operator that begins with the variable's name
 */
export async function openNatsLine(
  { url, isLocal }: BusAddress & { kind: 'nats' },
  redis: Config['redis'],
): Promise<OpenLine> {
  const options = natsOptions(url, redis?.connectTimeoutMs ?? 0);
  const tries = (redis?.maxRetries ?? 0) + 1;
  let connection: NatsConnection | undefined;
  for (let attempt = 1; connection === undefined; attempt += 1) {
    try {
      connection = await connect({ ...options, maxReconnectAttempts: 0, reconnect: false });
      await connection.close();
      connection = await connect(options);
    } catch (cause) {
      const hopeless = tlsFaultText(cause, `NATS at ${new URL(url).host}`, 'NODE_EXTRA_CA_CERTS');
      if (hopeless !== null || attempt >= tries) {
        throw new PeerLinkError('unavailable', `TRANSPORTER: ${hopeless ?? reasonOf(cause, url, tries)}`, { cause });
      }
      connection = undefined;
      await delay(redis?.retryDelayMs ?? 0);
    }
  }
  const { auth_required: isAuthRequired, tls_verify: isClientVerified, max_payload } = connection.info ?? {};
  return {
    line: new NatsLine(connection, options),
    isExposed: !isLocal && isAuthRequired !== true && isClientVerified !== true,
    ...(max_payload === undefined ? {} : { maxMessageBytes: max_payload }),
  };
}

function reasonOf(cause: unknown, url: string, tries: number): string {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: string };
  const { host } = new URL(url);
  if (code === ErrorCode.AuthorizationViolation) return `NATS at ${host} refuses this user or password`;
  if (code === ErrorCode.ServerOptionNotAvailable) return `NATS at ${host} does not offer TLS`;
  const times = tries === 1 ? 'once' : `${tries} times (REDIS_MAX_RETRIES)`;
  return `no NATS answers at ${host}, asked ${times} (${message ?? 'without a reason'})`;
}
