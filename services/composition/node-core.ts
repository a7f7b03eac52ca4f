import { ServiceBroker } from 'moleculer';
import type { Logger } from 'pino';
import { brokerOptions } from '../../moleculer.config.ts';
import type { NetIo } from '../../native/types.ts';
import type { BusTransporter } from '../bus/bus-transporter.ts';
import { openBus } from '../bus/open-bus.ts';
import { createPrismaClusterRepository } from '../cluster/adapters/prisma-cluster-repository.ts';
import { listPeerAddresses } from '../cluster/adapters/prisma-peer-addresses.ts';
import { peerAddressFault } from '../cluster/peer-address.ts';
import type { ClusterRepository } from '../cluster/ports.ts';
import { SecretWatch, secretMark } from '../cluster/secret-watch.ts';
import { twinFault } from '../cluster/twin.ts';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { DataDirectory } from '../database/data-directory.ts';
import type { Database } from '../database/database.ts';
import { openDatabaseClock } from '../database/database-clock.ts';
import { type Broadcast, type Call, typedBroadcast, typedCall } from '../define-service.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RedisLink } from '../redis/redis-link.ts';
import { tellFaults } from './fault-log.ts';

/** What main.ts opened; main.ts also closes it, in reverse order. */
export interface Foundation {
  readonly config: Config;
  readonly log: Logger;
  readonly netIo: NetIo;
  readonly directory: DataDirectory;
  readonly database: Database;
  /** Null: no Redis; memory stands in for it. */
  readonly redis: RedisLink | null;
}

/** What every part of a node is composed from. */
export interface NodeCore extends Foundation {
  readonly nodeId: string;
  readonly clusterId: string;
  /** The cluster's: grants, upload tokens and tickets are made from it. */
  readonly secret: Uint8Array;
  /** What others recognize it by. */
  readonly secretMark: string;
  readonly secretWatch: SecretWatch;
  readonly clusterRepository: ClusterRepository;
  /** For every time that another node or the database made or judges, because machines' clocks differ. */
  readonly clock: Clock;
  readonly closeClock: () => Promise<void>;
  /** Null: this node is alone. */
  readonly bus: BusTransporter | null;
  readonly broker: ServiceBroker;
  readonly call: Call;
  readonly broadcast: Broadcast;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** How far the start or the end of this node has come. Changed as it goes. */
export interface Phase {
  /** All services are up, and no drain has begun. */
  isServing: boolean;
  /** The one it listens on; before that the one of the settings, which may be 0. */
  port: number;
}

/** Finds out who this node is, and opens the way to the others. */
export async function prepare(foundation: Foundation): Promise<NodeCore> {
  const { config, log, directory, database } = foundation;
  const { nodeId } = directory;
  const clusterRepository = createPrismaClusterRepository(database);
  const { clusterId, secret } = await clusterRepository.identity();
  await directory.bindCluster(clusterId);
  if (config.isCluster) await assertReachable(config, nodeId, database);
  const clusterSecret = config.clusterSecret === null ? secret : Buffer.from(config.clusterSecret);
  const { clock, close: closeClock } = await openDatabaseClock(database, log);
  const mark = secretMark(clusterSecret, clusterId);
  const bus = await openBus({ config, nodeId, secret: clusterSecret, clock, log });
  const broker = new ServiceBroker(brokerOptions({ nodeId, log, clusterId, transporter: bus }));
  return {
    ...foundation,
    nodeId,
    clusterId,
    secret: clusterSecret,
    secretMark: mark,
    secretWatch: new SecretWatch(
      { nodeId, secretMark: mark },
      clusterRepository,
      () => nodesWith(broker, 'operator'),
      log,
    ),
    clusterRepository,
    clock,
    closeClock,
    bus,
    broker,
    call: typedCall(broker),
    broadcast: typedBroadcast(broker),
    onFault: tellFaults(log, () => performance.now()),
  };
}

/** Before anybody is told of this node. @throws unavailable with a sentence for the operator */
async function assertReachable({ node }: Config, nodeId: string, database: Database): Promise<void> {
  const fault = peerAddressFault(node.peerUrl, await listPeerAddresses(database, nodeId));
  if (fault !== null) throw new PeerLinkError('unavailable', fault);
}

/** @throws unavailable with a sentence for the operator */
export async function assertNoTwin(
  { config, nodeId, clusterRepository, directory }: NodeCore,
  reaches: (nodeId: string) => Promise<boolean>,
): Promise<void> {
  const own = { nodeId, peerUrl: config.node.peerUrl, directory: directory.path };
  const fault = await twinFault(own, () => clusterRepository.listNodes(), reaches);
  if (fault !== null) throw new PeerLinkError('unavailable', fault);
}

/** No other process can open the embedded database: only this process changes it. */
export function isLone({ database }: Pick<NodeCore, 'database'>): boolean {
  return database.kind === 'pglite';
}

export function nodesWith(broker: ServiceBroker, service: string): readonly string[] {
  const services = broker.registry.getServiceList({ onlyAvailable: true }) as { name: string; nodeID: string }[];
  return services.filter(({ name }) => name === service).map(({ nodeID }) => nodeID);
}
