import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_BUS_PACKET_BYTES, MIB } from '../contracts/limits.ts';
import type { Clock } from '../kernel/clock.ts';
import { firstConnection } from '../redis/first-connection.ts';
import { isExposed } from '../redis/guarded-redis.ts';
import { type BusAddress, busAddressOf } from './bus-address.ts';
import type { OpenLine } from './bus-line.ts';
import { BusTransporter } from './bus-transporter.ts';
import { PacketGuard } from './packet-guard.ts';
import { RedisLine } from './redis-line.ts';

export interface BusOptions {
  readonly config: Pick<Config, 'isCluster' | 'redis' | 'bus'>;
  readonly nodeId: string;
  readonly secret: Uint8Array;
  /** The same at all nodes: it says how old a packet is. */
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What carries Moleculer's packets between nodes; null: this node is alone. The first connection is tried as
 * REDIS_MAX_RETRIES, REDIS_RETRY_DELAY and REDIS_CONNECT_TIMEOUT say; one lost later is tried again for ever.
 * @throws unavailable with a text for the operator that begins with the variable's name: nobody answers, or the server
 * takes anybody's packets and is not on this machine
 */
export async function openBus({ config, nodeId, secret, clock, log }: BusOptions): Promise<BusTransporter | null> {
  const address = busAddressOf(config);
  if (address === null) return null;
  const {
    line,
    isExposed: isLineExposed,
    maxMessageBytes = MAX_BUS_PACKET_BYTES,
  } = address.kind === 'redis' ? await openRedisLine(address, log) : await openNatsLine(address, config);
  if (isLineExposed) {
    if (!config.bus.isInsecureAllowed) {
      await line.close();
      throw new PeerLinkError('unavailable', openBusText(address));
    }
    log.warn({ bus: line.name }, insecureBusText(address));
  }
  if (maxMessageBytes < MAX_BUS_PACKET_BYTES) {
    log.warn(
      { bus: line.name, maxMessageBytes, neededBytes: MAX_BUS_PACKET_BYTES },
      `TRANSPORTER: this ${line.name} takes messages of at most ${maxMessageBytes} bytes. The status of an open transfer of some thousand files is longer, and is 503 at every node but its home; set max_payload: ${MAX_BUS_PACKET_BYTES / MIB}MB in its configuration`,
    );
  }
  return new BusTransporter({ line, guard: new PacketGuard({ secret, nodeId, nowMs: () => clock.now() }), log });
}

/** The cluster's own Redis, as bus too. */
function hasSessions({ kind, variable }: BusAddress): boolean {
  return kind === 'redis' && variable !== 'TRANSPORTER';
}

function insecureBusText(address: BusAddress): string {
  const text =
    'ALLOW_INSECURE_BUS: the bus takes packets from anybody who reaches it. They are signed, so that foreign ones are ' +
    'ignored, but whoever reaches it reads all of them and can block it';
  if (!hasSessions(address)) return text;
  return `${text}; and the sessions in this Redis are not signed: whoever writes there passes for any session`;
}

function openBusText(address: BusAddress): string {
  const { kind, variable } = address;
  const server = kind === 'redis' ? 'Redis' : 'NATS';
  const remedy = hasSessions(address) ? 'set requirepass and REDIS_PASSWORD' : 'give it users';
  const harm = `read and block what nodes tell each other${hasSessions(address) ? ', and pass for any session' : ''}`;
  return (
    `${variable}: this ${server} is not on this machine and asks for no password, so anybody who reaches it could ` +
    `${harm}; ${remedy}, or start with ALLOW_INSECURE_BUS=true`
  );
}

async function openRedisLine(address: BusAddress & { kind: 'redis' }, log: Logger): Promise<OpenLine> {
  const { settings, variable } = address;
  try {
    // The cluster's own Redis was seen to answer when the caches were connected; this also is for TRANSPORTER's.
    await firstConnection(settings, log);
  } catch (fault) {
    if (variable !== 'TRANSPORTER') throw fault;
    throw new PeerLinkError('unavailable', `TRANSPORTER: ${(fault as Error).message.replace(/^[A-Z_]+: /, '')}`, {
      cause: fault,
    });
  }
  return { isExposed: await isExposed(settings), line: new RedisLine(settings) };
}

/** Loaded when it is asked for: few clusters have a NATS. */
async function openNatsLine(
  address: BusAddress & { kind: 'nats' },
  { redis }: BusOptions['config'],
): Promise<OpenLine> {
  const nats = await import('./open-nats-line.ts');
  return await nats.openNatsLine(address, redis);
}
