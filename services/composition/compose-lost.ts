import { typeOfFault } from '../contracts/errors.ts';
import type { GiveUpPorts } from '../operator/give-up.ts';
import { createPrismaLostTransfers } from '../transfer/adapters/prisma-lost-transfers.ts';
import {
  endLostOpen,
  type HeldPorts,
  heldHere,
  oneAtATime,
  type RescuePorts,
  rescueSealed,
  settleLost,
} from '../transfer/lost-transfers.ts';
import type { NodesByHope } from './gone-nodes.ts';
import { type NodeCore, nodesWith } from './node-core.ts';

/** A node probes another for a second and a half. */
export const REACHES_MS = 1_500;
const REACHES_ANSWER_MS = 3_000;
/** Each of hundreds of files may have to be looked at. */
const RESCUE_MS = 30_000;

export interface LostParts extends HeldPorts, Pick<RescuePorts, 'engine' | 'repository'> {
  readonly repository: HeldPorts['repository'] & RescuePorts['repository'];
  readonly lookForNodes: () => Promise<NodesByHope>;
}

/** What an operator has given up on: who becomes home of what, what ends, and what that would be. */
export function composeLost(core: NodeCore, parts: LostParts) {
  const { call, broker, clusterRepository, nodeId, log } = core;
  const lost = createPrismaLostTransfers(core.database);
  const isGivenUp = async (id: string) => (await parts.lookForNodes()).givenUp.includes(id);
  const onRescued = (transferId: string) => {
    log.info({ transferId }, 'became home of a sealed transfer whose node was given up');
    const at = new Date(core.clock.now()).toISOString();
    const change = { nodeId, event: 'promoted', transferId, otherNodeId: nodeId, at } as const;
    core.broadcast('transfer.ownership.changed', change);
  };
  // The database's silence is told by others.
  const onFault = (fault: unknown) => {
    if (typeOfFault(fault) !== 'unavailable') core.onFault('rescue', fault);
  };
  const rescuePorts = { ...parts, isGivenUp, onRescued, onFault };
  let told = '';
  const onAwaited = (nodeIds: readonly string[]) => {
    if (String(nodeIds) === told) return;
    told = String(nodeIds);
    if (nodeIds.length > 0) log.warn({ nodeIds }, 'sealed transfers of a node that was given up wait for these nodes');
  };
  const giveUp: GiveUpPorts = {
    nodeId,
    rows: () => clusterRepository.listNodes(),
    answering: () => nodesWith(broker, 'operator'),
    isReached: async (id) => {
      const ask = (asked: string) =>
        call('operator.reaches', { nodeId: id }, { nodeId: asked, timeoutMs: REACHES_ANSWER_MS }).catch(() => true);
      // Not itself: the bus may still name it when it was just killed.
      const others = nodesWith(broker, 'operator').filter((asked) => asked !== id);
      return (await Promise.all(others.map(ask))).some(Boolean);
    },
    losses: (id) => lost.count(id),
    record: (id, notSeenForSeconds) => clusterRepository.giveUp(id, notSeenForSeconds),
    onGivenUp: (id, since) => {
      log.warn({ givenUp: id }, 'an operator gave up on a node');
      core.broadcast('node.given.up', { nodeId: id, at: since.toISOString() });
    },
    endOpen: () => endLostOpen(lost),
  };
  return {
    giveUp,
    rescue: oneAtATime((transferIds) => rescueSealed(rescuePorts, transferIds)),
    holds: (transferIds: readonly string[]) => heldHere(parts, transferIds),
    settleLost: () =>
      settleLost({
        lost,
        nodeIds: async () => {
          const { awaited, gone, givenUp } = await parts.lookForNodes();
          return [...awaited, ...gone].filter((id) => !givenUp.includes(id));
        },
        rescue: (id, transferIds) => {
          const isWithout = !nodesWith(broker, 'transfer').includes(id) && nodesWith(broker, 'operator').includes(id);
          const action = isWithout ? 'operator.holds' : 'transfer.rescue';
          return call(action, { transferIds }, { nodeId: id, timeoutMs: RESCUE_MS });
        },
        isClosed: () => parts.engine.isClosed,
        onAwaited,
      }),
  };
}
