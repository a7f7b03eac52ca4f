import { setTimeout as delay } from 'node:timers/promises';
import type { NetIo } from '../../../native/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CountPeerBytes } from '../../kernel/traffic.ts';
import type { DataPlaneDeps, PeerPorts } from '../data-plane/deps.ts';
import type { ChunkCopies } from '../mending.ts';
import type { TransferRepository, TransferRow } from '../ports.ts';
import { FillSlots } from '../replication/fill-slots.ts';
import { HomeSide, type HomeSideDeps } from '../replication/home-side.ts';
import type { HomeTransfer, ReplicaPlacement } from '../replication/ports.ts';
import { ReplicaSide } from '../replication/replica-side.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { type TakeOverPorts, takeOver } from '../take-over.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import { createChunkCopies } from './chunk-copies.ts';
import { PeerAuth } from './peer-auth.ts';
import { PeerClient } from './peer-client.ts';
import { createPeerRoutes } from './peer-routes.ts';
import { PeerRouting } from './peer-routing.ts';
import { createReplicaConnector } from './replica-connector.ts';

export interface PeersOptions {
  readonly nodeId: string;
  readonly secret: Uint8Array;
  /** The same at all nodes: it says how old a request is. */
  readonly clock: Clock;
  readonly repository: TransferRepository;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  readonly replicationFactor: 1 | 2;
  /** False after a start with another boot id. */
  readonly isDiskTrusted: boolean;
  /** `DURABILITY=power`. */
  readonly isPowerSafe: boolean;
  readonly urlOf: (nodeId: string) => Promise<string | null>;
  /** Every node there is and that was seen lately enough not to be given up. */
  readonly nodeIds: () => Promise<readonly string[]>;
  /** Those that an operator gave up on. */
  readonly givenUpNodeIds: () => Promise<readonly string[]>;
  /** Nodes that answer the bus. */
  readonly answeringNodeIds: () => readonly string[];
  readonly placement: ReplicaPlacement;
  readonly countBytes: CountPeerBytes;
  readonly onForged: (reason: string) => void;
  readonly onOwnership: (
    event: 'attached' | 'in_sync' | 'detached' | 'fenced' | 'promoted',
    transferId: string,
    nodeId: string | null,
  ) => void;
}

// Durations, so not the clock on the wall, which may jump.
const nowMs = () => performance.now();
const pause = (ms: number, signal?: AbortSignal) => delay(ms, undefined, signal === undefined ? {} : { signal });

export interface Peers {
  createHomeSide(transfer: HomeTransfer): HomeSide;
  /** What other nodes have stored. */
  readonly copies: ChunkCopies;
  /** As the home of a transfer: asks its replica to take over. @throws unavailable */
  askToAdopt(row: TransferRow): Promise<void>;
  /** Whether a node's data port answers, within 3 s unless less is given. */
  answers(nodeId: string, deadlineMs?: number): Promise<boolean>;
  /** What this node holds for homes that have been away for long becomes its own, once. After `attach`. */
  takeOver(otherNodes: TakeOverPorts['otherNodes']): Promise<void>;
  /** "Another boot id: as R of open transfers CAS(syncing)." After `attach`. @throws not_found, unavailable */
  declareSyncing(transferId: string): Promise<void>;
  /** Every transfer that named this node as replica was declared. */
  finishDeclaring(): void;
  /** After the engine, which `createHomeSide` serves. */
  attach(engine: TransferEngine): (deps: DataPlaneDeps) => PeerPorts;
  /** Finds out who has a transfer now, and has its replica promoted when its home is dead. After `attach`. */
  recover(transfer: RunningTransfer): Promise<void>;
  close(): void;
}

/** The parts by which this node works with others: one key, one client, both sides of replication. */
export function createPeers(options: PeersOptions): Peers {
  const { nodeId, repository, netIo, isObfuscated, countBytes } = options;
  const auth = new PeerAuth({ secret: options.secret, nodeId, nowMs: () => options.clock.now() });
  const client = new PeerClient({ auth, netIo, isObfuscated, urlOf: options.urlOf, countBytes });
  const homeDeps: HomeSideDeps = {
    nodeId,
    replicationFactor: options.replicationFactor,
    repository,
    connector: createReplicaConnector({ client, auth, netIo, isObfuscated, countBytes }),
    placement: options.placement,
    slots: new FillSlots(),
    nowMs,
    delay: pause,
    onEvent: options.onOwnership,
  };
  // Whoever could not be asked is not given up.
  const answers: Peers['answers'] = (id, deadlineMs) =>
    client.probe(id, deadlineMs).then(
      (probe) => probe === 'alive',
      () => true,
    );
  let attached: AttachedPeers | null = null;
  return {
    copies: createChunkCopies({ ...options, client, auth }),
    askToAdopt: async ({ id, epoch, replicaNodeId }) => {
      if (replicaNodeId !== null) await client.promote(replicaNodeId, id, epoch, { isAdoption: true });
    },
    answers,
    createHomeSide: (transfer) => new HomeSide(homeDeps, transfer),
    attach: (engine) => {
      attached = attachPeers(options, { engine, auth, client, answers });
      return attached.portsOf;
    },
    takeOver: async (otherNodes) => attached?.takeOver(otherNodes),
    declareSyncing: async (transferId) => attached?.declareSyncing(transferId),
    finishDeclaring: () => attached?.finishDeclaring(),
    recover: async (transfer) => attached?.recover(transfer),
    close: () => client.close(),
  };
}

/** What needs the engine, which is built after the homes' side that it is given. */
interface AttachedPeers extends Pick<Peers, 'takeOver' | 'declareSyncing' | 'finishDeclaring' | 'recover'> {
  portsOf(data: DataPlaneDeps): PeerPorts;
}

interface AttachedParts {
  readonly engine: TransferEngine;
  readonly auth: PeerAuth;
  readonly client: PeerClient;
  readonly answers: Peers['answers'];
}

function attachPeers(options: PeersOptions, { engine, auth, client, answers }: AttachedParts): AttachedPeers {
  const { nodeId, repository, nodeIds, answeringNodeIds } = options;
  const replicaTransfer = (transferId: string) => engine.replicaTransfer(transferId);
  const replica = new ReplicaSide({
    nodeId,
    repository,
    load: replicaTransfer,
    nowMs,
    delay: pause,
    isDiskTrusted: options.isDiskTrusted,
    isPowerSafe: options.isPowerSafe,
    onPromoted: (transferId) => options.onOwnership('promoted', transferId, nodeId),
  });
  engine.useReplicaSide(replica);
  const routing = new PeerRouting({ engine, client, replica, nodeIds, answeringNodeIds });
  const promote: TakeOverPorts['promote'] = async (transferId, isHomeThere) =>
    replica.promote(await replicaTransfer(transferId), isHomeThere);
  return {
    takeOver: (otherNodes) =>
      takeOver({ engine, repository, otherNodes, homes: replica.homes, answers, promote, nowMs }),
    declareSyncing: async (transferId) => replica.declareSyncing(await replicaTransfer(transferId)),
    finishDeclaring: () => replica.finishDeclaring(),
    recover: (transfer) => routing.recover(transfer),
    portsOf: (data) => ({
      isHere: (transfer) => routing.isHere(transfer),
      forwardRun: (transfer, run, body) => routing.forwardRun(transfer, run, body),
      readAnywhere: (source) => routing.readAnywhere(source),
      answer: createPeerRoutes({
        data,
        auth,
        client,
        replica,
        replicaTransfer,
        netIo: options.netIo,
        onForged: options.onForged,
      }),
    }),
  };
}
