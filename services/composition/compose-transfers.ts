import { setTimeout as delay } from 'node:timers/promises';
import type { DirectCounter } from '../kernel/direct-counter.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import type { CountPeerBytes } from '../kernel/traffic.ts';
import type { TrafficMeter } from '../stats/traffic-meter.ts';
import { FsChunkStore } from '../transfer/adapters/fs-chunk-store.ts';
import { createPrismaLeaseRepository } from '../transfer/adapters/prisma-lease-repository.ts';
import { createPrismaTransferRepository } from '../transfer/adapters/prisma-transfer-repository.ts';
import { createDataPlane } from '../transfer/data-plane/create-data-plane.ts';
import type { EdgePorts } from '../transfer/data-plane/data-plane.ts';
import { LeaderTurns } from '../transfer/leader-turns.ts';
import type { Peers } from '../transfer/peer/create-peers.ts';
import type { ChunkStore, HomeCounts, TransferRepository } from '../transfer/ports.ts';
import { RememberedLeases } from '../transfer/remembered-leases.ts';
import type { RunningTransfer } from '../transfer/running-transfer.ts';
import { Scrub } from '../transfer/scrub.ts';
import { type TransferServiceDeps, transferService } from '../transfer/transfer.service.ts';
import { transferActivity } from '../transfer/transfer-activity.ts';
import { TransferControl } from '../transfer/transfer-control.ts';
import { TransferEngine } from '../transfer/transfer-engine.ts';
import { composeDirect } from './compose-direct.ts';
import { composeHandOver } from './compose-hand-over.ts';
import { composeLost, REACHES_MS } from './compose-lost.ts';
import { composeLookForNodes, composePeers, type LookForNodes } from './compose-peers.ts';
import { isLone, type NodeCore } from './node-core.ts';
import { nodeAddresses } from './replica-placement.ts';
import { transferSettings } from './settings.ts';

/** On most nodes it is this very process that answers. */
const PLACE_MS = 1_000;

// Durations, so not the clock on the wall, which may jump.
const nowMs = () => performance.now();

/** Transfers: the engine, its access rules, and the data plane. */
export function composeTransfers(
  core: NodeCore,
  edge: EdgePorts,
  traffic: TrafficMeter,
  countFlow: CountPeerBytes,
  directCounter: DirectCounter,
) {
  const { config, nodeId, directory, database } = core;
  const settings = transferSettings(config);
  const repository = createPrismaTransferRepository(database);
  const store = new FsChunkStore(directory.path, core.netIo, { clock: core.clock, onFault: core.onFault });
  const addresses = nodeAddresses(core.clusterRepository);
  const lookForNodes = composeLookForNodes(core);
  const peers = composePeers(core, { repository, addresses, lookForNodes, traffic, countFlow });
  const engine = composeEngine(core, { repository, store, peers });
  const { direct, directUpkeep } = composeDirect(core, engine, directCounter);
  const leaderTurns = new LeaderTurns({
    repository,
    sends: directUpkeep,
    ...settings.leaderTurns,
    isLone: isLone(core),
    nowMs,
  });
  const control = new TransferControl({
    engine,
    repository,
    direct,
    secret: core.secret,
    limits: settings.control,
    onEndSet: leaderTurns.lookAgain,
    publicUrlOf: async (id) => (id === nodeId ? config.node.publicUrl : addresses.publicUrl(id)),
  });
  const dataPlane = createDataPlane({
    createPeers: peers === null ? null : peers.attach(engine),
    engine,
    control,
    direct,
    recipients: directUpkeep,
    leases: new RememberedLeases(createPrismaLeaseRepository(database), nowMs),
    edge,
    traffic,
    ...settings.dataPlane,
  });
  const scrub = new Scrub({ engine, store, repository, ...settings.scrub, nowMs, delay });
  const otherNodes = otherNodesOf(nodeId, lookForNodes);
  const otherNodeIds = async () => (await otherNodes()).map(({ id }) => id);
  const lost = composeLost(core, { engine, repository, store, lookForNodes });
  const among = amongNodes(core, peers, { lookForNodes, otherNodes, settleLost: lost.settleLost });
  const acting = { engine, control, direct, directUpkeep, repository, store, leaderTurns, scrub };
  let counted: HomeCounts = { homeCount: 0, singleCopyCount: 0, directCount: 0 };
  const onCounted = (counts: HomeCounts) => {
    counted = counts;
  };
  const service = (leaderTerm: () => LeaderTerm | null) =>
    transferService({ ...acting, ...ofThisNode(core), ...among, rescue: lost.rescue, leaderTerm, onCounted });
  return {
    // Counted by the transfer service: a scrape does not wait for the database.
    dataPlane: {
      ...dataPlane,
      singleCopyTransfers: () => (config.replicationFactor === 2 ? counted.singleCopyCount : 0),
      openDirectSends: () => counted.directCount,
    },
    service,
    scrub,
    transferActivity: () => transferActivity(nodeId, engine.running()),
    ...composeHandOver(core, { engine, repository, store, peers, otherNodeIds }),
    giveUp: lost.giveUp,
    holds: lost.holds,
    reaches: async (id: string) => (await peers?.answers(id, REACHES_MS)) ?? false,
    mendingCounts: () => engine.mending.counts,
    closePeers: () => peers?.close(),
  };
}

interface EngineParts {
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** Null: this node is alone. */
  readonly peers: Peers | null;
}

function composeEngine(core: NodeCore, { repository, store, peers }: EngineParts): TransferEngine {
  const { nodeId, clock, broadcast, log, onFault } = core;
  const cluster =
    peers === null
      ? {}
      : ({
          createHomeSide: (transfer) => peers.createHomeSide(transfer),
          askToAdopt: (row) => peers.askToAdopt(row),
          copies: peers.copies,
        } satisfies Partial<ConstructorParameters<typeof TransferEngine>[0]>);
  return new TransferEngine({
    nodeId,
    repository,
    store,
    nowMs: () => clock.now(),
    isDiskTrusted: core.directory.isSameBoot,
    ...transferSettings(core.config).engine,
    ...cluster,
    publishMending: (event, chunk) => {
      log.warn({ event, ...chunk }, event === 'repaired' ? 'a chunk was mended' : 'a chunk is damaged');
      broadcast('transfer.mended', { nodeId, event, ...chunk, at: new Date(clock.now()).toISOString() });
    },
    publishProgress: (progress) => broadcast('transfer.progressed', progress),
    publishState: (change) => broadcast('transfer.state.changed', change),
    onFault,
  });
}

function otherNodesOf(nodeId: string, lookForNodes: LookForNodes) {
  return async () => {
    const { awaited, gone, unheard } = await lookForNodes();
    const ids = [...awaited, ...gone].filter((id) => id !== nodeId);
    return ids.map((id) => ({ id, isHeardOf: !unheard.includes(id) }));
  };
}

/** What the service is told of the node that it runs on. */
function ofThisNode({ config, directory, log, call, onFault, ...core }: NodeCore) {
  return {
    place: async () => (await call('cluster.place', {}, { timeoutMs: PLACE_MS })).nodeId,
    replicationFactor: config.replicationFactor,
    isLone: isLone(core),
    onExpired: (count: number, { epoch }: LeaderTerm) =>
      log.info({ duty: 'end transfers', epoch, count }, 'the leader acted'),
    isDiskTrusted: directory.isSameBoot,
    onRecovered: () => directory.confirmBoot(),
    onFault,
  };
}

interface NodeLooks {
  readonly lookForNodes: LookForNodes;
  readonly otherNodes: ReturnType<typeof otherNodesOf>;
  readonly settleLost: TransferServiceDeps['settleLost'];
}

/** What it does with other nodes. One node alone has nobody to ask, to wait for, or to give up on. */
function amongNodes(core: NodeCore, peers: Peers | null, { lookForNodes, otherNodes, settleLost }: NodeLooks) {
  if (peers === null) {
    return {
      call: null,
      recover: null,
      boot: null,
      goneNodeIds: async () => [],
      takeOver: async () => {},
      settleLost: async () => 0,
    };
  }
  return {
    call: core.call,
    recover: (transfer: RunningTransfer) => peers.recover(transfer),
    boot: peers,
    goneNodeIds: async () => (await lookForNodes()).gone,
    takeOver: () => peers.takeOver(otherNodes),
    settleLost,
  };
}
