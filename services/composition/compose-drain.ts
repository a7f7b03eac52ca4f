import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { NodeDrain } from '../node/drain.ts';
import type { composeSelf } from './compose-self.ts';
import type { composeTransfers } from './compose-transfers.ts';
import { type NodeCore, nodesWith, type Phase } from './node-core.ts';

/** Of the drain's time: transfers go to their replicas first, those with a body on its way a little later. */
const HAND_OVER_MS = 12_000;
const HAND_OVER_PATIENCE_MS = 6_000;
/** Until others have heard that nothing is to be placed here, and pages that they should go elsewhere. */
const TOLD_MS = 1_000;
const LAST_HAND_OVER_MS = 2_000;
/** The process ends in any case soon: with a large store it is not known what nobody else has, and the state stays `draining`. */
const LAST_STATUS_MS = 2_500;
const HEALTH_MS = 1_000;

export interface DrainedParts {
  readonly self: ReturnType<typeof composeSelf>;
  readonly transfers: ReturnType<typeof composeTransfers>;
}

/** One that gives no answer may be there in a moment; one that drains takes nothing. */
async function isAnyOther({ broker, call, nodeId }: NodeCore): Promise<boolean> {
  const others = nodesWith(broker, 'transfer').filter((id) => id !== nodeId);
  const healths = await Promise.all(
    others.map((id) => call('node.health', {}, { nodeId: id, timeoutMs: HEALTH_MS }).catch(() => null)),
  );
  return healths.some((health) => health?.state !== 'draining' && health?.state !== 'left');
}

/** What empties this node: for an operator who waits, and before it stops. */
export function composeDrain(core: NodeCore, phase: Phase, { self, transfers }: DrainedParts): NodeDrain {
  return new NodeDrain({
    nodeId: core.nodeId,
    isAlone: !core.config.isCluster,
    isAnyOther: () => isAnyOther(core),
    enterDraining: () => {
      phase.isServing = false;
      self.monitor.enter('draining');
    },
    enterLeft: () => self.monitor.enter('left'),
    handOver: transfers.handOver,
    releaseReplicas: transfers.releaseReplicas,
    countHomes: transfers.countHomes,
    countStranded: transfers.countStranded,
    delay,
    onFault: (fault) => core.onFault('drain', fault),
  });
}

export interface StoppedParts extends DrainedParts {
  readonly drain: NodeDrain;
  readonly server: Server;
}

/**
 * The process is to end: transfers move, then streams end, then the services stop, and connections last of all. Resolves at
 * most shortly after `deadlineMs`.
 * @returns how many transfers have their only copy here; null when nobody can tell, or not in time
 */
export async function stopNode(core: NodeCore, deadlineMs: number, parts: StoppedParts): Promise<number | null> {
  const { drain, server, self, transfers } = parts;
  const startedAtMs = performance.now();
  // Until the transfers have moved, clients and other nodes are served as before: nothing needs to be repeated.
  const toldEverybody = core.config.isCluster ? delay(TOLD_MS) : Promise.resolve();
  await Promise.all([drain.finish(HAND_OVER_MS, HAND_OVER_PATIENCE_MS), toldEverybody]);
  server.close();
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  await transfers.dataPlane.drain(deadlineMs - (performance.now() - startedAtMs));
  clearInterval(idle);
  // What was placed here before everybody knew, or ended just now.
  await drain.finish(LAST_HAND_OVER_MS, 0);
  const { homeCount, onlyCopyCount } = await drain.status(LAST_STATUS_MS);
  if (homeCount === 0 && onlyCopyCount === 0) self.monitor.enter('left');
  await core.broker.stop();
  await core.closeClock();
  server.closeAllConnections();
  transfers.closePeers();
  self.probe.close();
  return onlyCopyCount;
}
