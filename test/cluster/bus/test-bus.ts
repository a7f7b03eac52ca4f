import { randomBytes } from 'node:crypto';
import Redis from 'ioredis';
import { ServiceBroker, type ServiceSchema } from 'moleculer';
import { connect } from 'nats';
import { brokerOptions } from '../../../moleculer.config.ts';
import type { BusTransporter } from '../../../services/bus/bus-transporter.ts';
import { openBus } from '../../../services/bus/open-bus.ts';
import { tellServices } from '../../../services/bus/tell-services.ts';
import type { Config, RedisSettings } from '../../../services/config.ts';
import { systemClock } from '../../../services/kernel/clock.ts';
import { createLogger } from '../../../services/logging.ts';
import { atEnd } from '../../support/cleanup.ts';
import { startNats } from '../../support/nats.ts';
import { startRedis } from '../../support/redis.ts';
import { redisSettings } from '../../support/redis-settings.ts';
import { waitFor } from '../../support/waiting.ts';

export const SECRET = Buffer.from('a secret for the nodes of one test only');
export const CLUSTER_ID = 'c1';

/** A stranger on the server: sees every packet and says what it likes. */
export interface Stranger {
  publish(channel: string, message: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A bus server of the test's own, Redis or NATS, as the nodes and as a stranger see it. */
export interface TestBus {
  readonly config: Pick<Config, 'isCluster' | 'redis' | 'bus'>;
  /** Of nodes, not of strangers. */
  connections(): Promise<number>;
  freeze(): void;
  thaw(): void;
  kill9(): Promise<void>;
  restart(): Promise<void>;
  intrude(onMessage: (channel: string, message: Buffer) => void): Promise<Stranger>;
}

export function settingsOf(changes: Partial<RedisSettings>): RedisSettings {
  return redisSettings({ port: 1, maxRetries: 0, retryDelayMs: 20, ...changes });
}

async function startRedisBus(): Promise<TestBus> {
  const server = await startRedis({ password: 'secret of the test' });
  const settings = settingsOf({ port: server.port, password: 'secret of the test' });
  return {
    ...server,
    config: { isCluster: true, redis: settings, bus: { transporter: null, isInsecureAllowed: false } },
    connections: async () => {
      const list = String(await server.command('CLIENT', 'LIST'));
      return list.split('\n').filter((line) => line.includes('name=peerlink-bus')).length;
    },
    async intrude(onMessage) {
      const options = { host: settings.host, port: settings.port, password: 'secret of the test' };
      const [speaker, listener] = [new Redis(options), new Redis(options)];
      for (const client of [speaker, listener]) client.on('error', () => undefined);
      listener.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) =>
        onMessage(channel.toString(), message),
      );
      await listener.psubscribe('*');
      const close = async () => {
        for (const client of [speaker, listener]) client.disconnect();
      };
      atEnd(close);
      return {
        publish: async (channel, message) => void (await speaker.publish(channel, Buffer.from(message))),
        close,
      };
    },
  };
}

async function startNatsBus(): Promise<TestBus> {
  const server = await startNats({ user: 'nodes', password: 'p:w/d' });
  const bus = { transporter: server.url, isInsecureAllowed: false };
  return {
    ...server,
    config: { isCluster: true, redis: settingsOf({}), bus },
    connections: async () => (await server.clients()).filter((name) => name === 'peerlink-bus').length,
    async intrude(onMessage) {
      const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'nodes', pass: 'p:w/d' });
      connection.subscribe('>', {
        callback: (_fault, { subject, data }) => onMessage(subject, Buffer.from(data)),
      });
      await connection.flush();
      const close = () => connection.close();
      atEnd(close);
      return {
        publish: async (channel, message) => {
          connection.publish(channel, message);
          await connection.flush();
        },
        close,
      };
    },
  };
}

export const BUSES = [
  ['Redis', startRedisBus],
  ['NATS', startNatsBus],
] as const;

/** A broker on the bus, as composition makes it, with what the test wants it to serve. */
export interface TestNode {
  readonly broker: ServiceBroker;
  /** Of a node on a bus. */
  readonly bus: BusTransporter;
  readonly channel: (command: string) => string;
}

const nodes = new Set<ServiceBroker>();

export async function startNode(
  { config }: Pick<TestBus, 'config'>,
  nodeId: string,
  ...services: ServiceSchema[]
): Promise<TestNode> {
  const log = createLogger({ level: process.env.PEERLINK_TEST_LOG === undefined ? 'silent' : 'debug', nodeId });
  const bus = await openBus({ config, nodeId, secret: SECRET, clock: systemClock, log });
  const broker = new ServiceBroker(brokerOptions({ nodeId, clusterId: CLUSTER_ID, log, transporter: bus }));
  for (const service of services) broker.createService(service);
  await broker.start();
  nodes.add(broker);
  await tellServices(broker);
  return { broker, bus: bus as BusTransporter, channel: (command) => `MOL-peerlink-${CLUSTER_ID}.${command}` };
}

export async function stopNodes(): Promise<void> {
  const stopping = [...nodes];
  nodes.clear();
  await Promise.all(stopping.map((broker) => broker.stop()));
}

/** What Moleculer's types leave out. */
interface NodeCatalog {
  list(options: object): readonly { readonly id: string }[];
}

/** Waits until each node can call each other one. */
export async function together(...all: readonly TestNode[]): Promise<void> {
  await waitFor('the nodes see each other', 20_000, () =>
    all.every(({ broker }) => {
      const { nodes: known } = broker.registry as unknown as { nodes: NodeCatalog };
      const seen = known.list({ onlyAvailable: true, withServices: false });
      return all.every((other) => seen.some(({ id }) => id === other.broker.nodeID));
    }),
  );
}

/** Counts how often it was called, by the call's own id; answers what it was given. */
export function echoService(): { schema: ServiceSchema; counts: Map<string, number>; heard: string[] } {
  const counts = new Map<string, number>();
  const heard: string[] = [];
  const schema: ServiceSchema = {
    name: 'echo',
    actions: {
      say: (ctx: { params: { id: string; bytes?: unknown } }) => {
        const { id, bytes } = ctx.params;
        counts.set(id, (counts.get(id) ?? 0) + 1);
        return { id, bytes, isBuffer: Buffer.isBuffer(bytes) };
      },
    },
    events: { 'echo.heard': { handler: (ctx: { params: { id: string } }) => void heard.push(ctx.params.id) } },
  };
  return { schema, counts, heard };
}

export const newId = (): string => randomBytes(8).toString('hex');
