import type { CountPeerBytes } from '../kernel/traffic.ts';
import type { TrafficMeter } from '../stats/traffic-meter.ts';
import { createPeers, type Peers } from '../transfer/peer/create-peers.ts';
import type { TransferRepository } from '../transfer/ports.ts';
import { createGoneNodes, type NodesByHope } from './gone-nodes.ts';
import { type NodeCore, nodesWith } from './node-core.ts';
import { createPlacement, type NodeAddresses } from './replica-placement.ts';
import { transferSettings } from './settings.ts';

/** One look at the nodes there are, to be repeated every 2 s. @throws unavailable */
export type LookForNodes = () => Promise<NodesByHope>;

export function composeLookForNodes({ broker, clusterRepository, config }: NodeCore): LookForNodes {
  return createGoneNodes({
    listNodes: () => clusterRepository.listNodes(),
    ...transferSettings(config).goneNodes,
    answering: () => nodesWith(broker, 'transfer'),
    nowMs: () => performance.now(),
  });
}

export interface PeersParts {
  readonly repository: TransferRepository;
  readonly addresses: NodeAddresses;
  readonly lookForNodes: LookForNodes;
  readonly traffic: TrafficMeter;
  readonly countFlow: CountPeerBytes;
}

/** The other nodes of a cluster, as the engine and the data plane work with them. Null: this node is alone. */
export function composePeers(core: NodeCore, parts: PeersParts): Peers | null {
  const { config, nodeId, broker, call, clock, broadcast, log } = core;
  const { repository, addresses, lookForNodes, traffic, countFlow } = parts;
  if (!config.isCluster) return null;
  const answeringNodeIds = () => nodesWith(broker, 'transfer');
  return createPeers({
    nodeId,
    secret: core.secret,
    clock,
    repository,
    netIo: core.netIo,
    ...transferSettings(config).peers,
    isDiskTrusted: core.directory.isSameBoot,
    urlOf: (id) => addresses.peerUrl(id),
    nodeIds: async () => (await lookForNodes()).awaited,
    givenUpNodeIds: async () => (await lookForNodes()).givenUp,
    answeringNodeIds,
    placement: createPlacement({ nodeIds: answeringNodeIds, call }),
    countBytes: (id, direction, bytes) => {
      traffic.addPeer(bytes);
      countFlow(id, direction, bytes);
    },
    onForged: (reason) => log.warn({ reason }, 'a request under /peer/ was refused'),
    onOwnership: (event, transferId, otherNodeId) => {
      log.info({ event, transferId, otherNodeId }, 'ownership');
      const at = new Date(clock.now()).toISOString();
      broadcast('transfer.ownership.changed', { nodeId, event, transferId, otherNodeId, at });
    },
  });
}
