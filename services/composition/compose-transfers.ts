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
import { handOverHomes } from '../transfer/hand-over.ts';
import { LeaderTurns } from '../transfer/leader-turns.ts';
import { createPeers } from '../transfer/peer/create-peers.ts';
import { RememberedLeases } from '../transfer/remembered-leases.ts';
import { releaseReplicas } from '../transfer/replace-replicas.ts';
import { Scrub } from '../transfer/scrub.ts';
import { countStranded } from '../transfer/stranded-copies.ts';
import { transferService } from '../transfer/transfer.service.ts';
import { TransferControl } from '../transfer/transfer-control.ts';
import { TransferEngine } from '../transfer/transfer-engine.ts';
import { transferWords } from '../transfer/transfer-words.ts';
import { type Common, isLone, nodesWith } from './common.ts';
import { composeDirect } from './compose-direct.ts';
import { composeLost, REACHES_MS } from './compose-lost.ts';
import { createGoneNodes } from './gone-nodes.ts';
import { createPlacement, nodeAddresses } from './replica-placement.ts';
import { transferSettings } from './settings.ts';

/** On most nodes it is this very process that answers. */
const PLACE_MS = 1_000;
/** Longer than a small copy takes; a large one goes on while the next is asked for. */
const REPLACED_MS = 8_000;
/** A drain asks it of every node, and whoever waits for its count does so for 5 s. */
const STRANDED_ANSWER_MS = 1_500;

/** Transfers: the engine, its access rules, and the data plane. */
export function composeTransfers(
  common: Common,
  edge: EdgePorts,
  traffic: TrafficMeter,
  countFlow: CountPeerBytes,
  directCounter: DirectCounter,
) {
  const { config, netIo, directory, database, broadcast, clock, onFault, log } = common;
  const settings = transferSettings(config);
  const now = () => new Date(clock.now()).toISOString();
  const repository = createPrismaTransferRepository(database);
  const store = new FsChunkStore(directory.path, netIo, { clock });
  const addresses = nodeAddresses(common.clusterRepository);
  const lookForNodes = createGoneNodes({
    listNodes: () => common.clusterRepository.listNodes(),
    ...settings.goneNodes,
    answering: () => nodesWith(common.broker, 'transfer'),
    nowMs: () => performance.now(),
  });
  const peers = config.isCluster
    ? createPeers({
        nodeId: common.nodeId,
        secret: common.secret,
        clock,
        repository,
        netIo,
        ...settings.peers,
        isDiskTrusted: directory.isSameBoot,
        urlOf: (nodeId) => addresses.peerUrl(nodeId),
        nodeIds: async () => (await lookForNodes()).awaited,
        givenUpNodeIds: async () => (await lookForNodes()).givenUp,
        answeringNodeIds: () => nodesWith(common.broker, 'transfer'),
        placement: createPlacement({ nodeIds: () => nodesWith(common.broker, 'transfer'), call: common.call }),
        countBytes: (nodeId, direction, bytes) => {
          traffic.addPeer(bytes);
          countFlow(nodeId, direction, bytes);
        },
        onForged: (reason) => log.warn({ reason }, 'a request under /peer/ was refused'),
        onOwnership: (event, transferId, otherNodeId) => {
          log.info({ event, transferId, otherNodeId }, 'ownership');
          broadcast('transfer.ownership.changed', { nodeId: common.nodeId, event, transferId, otherNodeId, at: now() });
        },
      })
    : null;
  const engine = new TransferEngine({
    nodeId: common.nodeId,
    repository,
    store,
    nowMs: () => clock.now(),
    isDiskTrusted: directory.isSameBoot,
    ...settings.engine,
    ...(peers === null
      ? {}
      : {
          createHomeSide: (transfer) => peers.createHomeSide(transfer),
          askToAdopt: (row) => peers.askToAdopt(row),
          copies: peers.copies,
        }),
    publishMending: (event, chunk) => {
      log.warn({ event, ...chunk }, event === 'repaired' ? 'a chunk was mended' : 'a chunk is damaged');
      broadcast('transfer.mended', { nodeId: common.nodeId, event, ...chunk, at: now() });
    },
    publishProgress: (progress) => broadcast('transfer.progressed', progress),
    publishState: (change) => broadcast('transfer.state.changed', change),
    onFault,
  });
  const { direct, directUpkeep } = composeDirect(common, engine, directCounter);
  const leaderTurns = new LeaderTurns({
    repository,
    sends: directUpkeep,
    ...settings.leaderTurns,
    isLone: isLone(common),
    nowMs: () => performance.now(),
  });
  const control = new TransferControl({
    engine,
    repository,
    direct,
    secret: common.secret,
    limits: settings.control,
    onEndSet: leaderTurns.lookAgain,
    publicUrlOf: async (nodeId) => (nodeId === common.nodeId ? config.node.publicUrl : addresses.publicUrl(nodeId)),
  });
  const dataPlane = createDataPlane({
    createPeers: peers === null ? null : peers.attach(engine),
    engine,
    control,
    direct,
    recipients: directUpkeep,
    leases: new RememberedLeases(createPrismaLeaseRepository(database), () => performance.now()),
    edge,
    traffic,
    ...settings.dataPlane,
  });
  const otherNodes = async () => {
    const { awaited, gone, unheard } = await lookForNodes();
    const ids = [...awaited, ...gone].filter((id) => id !== common.nodeId);
    return ids.map((id) => ({ id, isHeardOf: !unheard.includes(id) }));
  };
  const stranded = {
    nodeId: common.nodeId,
    store,
    repository,
    otherNodeIds: async () => (await otherNodes()).map(({ id }) => id),
    answers: async (nodeId: string) => peers === null || peers.answers(nodeId, STRANDED_ANSWER_MS),
  };
  const lost = composeLost(common, { engine, repository, store, lookForNodes });
  let singleCopyCount = 0;
  let directCount = 0;
  const scrub = new Scrub({
    engine,
    store,
    repository,
    ...settings.scrub,
    nowMs: () => performance.now(),
    delay,
  });
  const service = (leaderTerm: () => LeaderTerm | null) =>
    transferService({
      engine,
      control,
      direct,
      directUpkeep,
      repository,
      store,
      place: async () => (await common.call('cluster.place', {}, { timeoutMs: PLACE_MS })).nodeId,
      recover: peers === null ? null : (transfer) => peers.recover(transfer),
      replicationFactor: config.replicationFactor,
      isLone: isLone(common),
      call: config.isCluster ? common.call : null,
      leaderTerm,
      leaderTurns,
      onExpired: (count, { epoch }) => log.info({ duty: 'end transfers', epoch, count }, 'the leader acted'),
      scrub,
      goneNodeIds: async () => (peers === null ? [] : (await lookForNodes()).gone),
      takeOver: async () => peers?.takeOver(otherNodes),
      rescue: lost.rescue,
      // One node alone has nobody to give up on.
      settleLost: async () => (peers === null ? 0 : lost.settleLost()),
      onCounted: (counted) => {
        singleCopyCount = config.replicationFactor === 2 ? counted.singleCopyCount : 0;
        directCount = counted.directCount;
      },
      isDiskTrusted: directory.isSameBoot,
      boot: peers,
      onRecovered: () => directory.confirmBoot(),
      onFault,
    });
  const askToReplace = (transferId: string, nodeId: string) => {
    const asked = { transferId, replicaNodeId: common.nodeId };
    return common.call('transfer.replace', asked, { nodeId, timeoutMs: REPLACED_MS });
  };
  // One node alone has nobody to hand anything to.
  const handOver = async (limitMs: number, patienceMs: number) =>
    peers === null ||
    handOverHomes(
      {
        engine,
        repository,
        hasOthers: () => nodesWith(common.broker, 'transfer').some((nodeId) => nodeId !== common.nodeId),
        answers: (nodeId) => peers.answers(nodeId),
        nowMs: () => performance.now(),
        delay: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
      },
      limitMs,
      patienceMs,
    );
  return {
    // Counted by the transfer service: a scrape does not wait for the database.
    dataPlane: {
      ...dataPlane,
      singleCopyTransfers: () => singleCopyCount,
      openDirectSends: () => directCount,
    },
    service,
    countHomes: () => repository.countByHome(common.nodeId),
    countStranded: async () => (peers === null ? 0 : countStranded(stranded)),
    scrub,
    transferWords: () => transferWords(common.nodeId, engine.running()),
    handOver,
    releaseReplicas: () => releaseReplicas({ engine, repository, ask: askToReplace }),
    giveUp: lost.giveUp,
    holds: lost.holds,
    reaches: async (nodeId: string) => (await peers?.answers(nodeId, REACHES_MS)) ?? false,
    mendingCounts: () => engine.mending.counts,
    closePeers: () => peers?.close(),
  };
}
