import type { TransferRepository } from './ports.ts';
import type { HomeWatch } from './replication/home-watch.ts';
import type { PromoteOutcome } from './replication/replica-side.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Each is two statements; the copies that are to be made anew come four at a time, so nobody is in a hurry. */
const TAKEN_A_TURN = 500;
/** A turn over many rows takes a while, in which their home may come back. */
const PROBE_KEPT_MS = 5_000;

export interface OtherNode {
  readonly id: string;
  /**
   * Bus or database heard of it within a minute. Then it lives, and is at most cut off from here: what it is home of stays with
   * it, since others may reach it, and this node perhaps nobody.
   */
  readonly isHeardOf: boolean;
}

export interface TakeOverPorts {
  readonly engine: Pick<TransferEngine, 'nodeId' | 'isClosed' | 'reportFault'>;
  readonly repository: Pick<TransferRepository, 'listInSync'>;
  /** Every other node there is. @throws unavailable */
  readonly otherNodes: () => Promise<readonly OtherNode[]>;
  readonly homes: HomeWatch;
  /** Whether a node's data port answers: this node's own probe. */
  readonly answers: (nodeId: string) => Promise<boolean>;
  /** As ReplicaSide.promote, which decides. @throws unavailable */
  readonly promote: (transferId: string, isHomeThere: () => Promise<boolean>) => Promise<PromoteOutcome>;
  /** For durations. */
  readonly nowMs: () => number;
}

/**
 * What this node holds in sync for homes that have been away for a minute becomes its own: sealed transfers, which no reader
 * needs promoted, and open ones, which nobody asks for. Until then each of them has one copy, and nobody to make another.
 * To be called every 10 s.
 */
export async function takeOver(ports: TakeOverPorts): Promise<void> {
  const { engine, repository, homes } = ports;
  const probes = new Map<string, { readonly isThere: boolean; readonly atMs: number }>();
  const look = async (nodeId: string) => {
    const isThere = await ports.answers(nodeId);
    homes.saw(nodeId, isThere);
    probes.set(nodeId, { isThere, atMs: ports.nowMs() });
    return isThere;
  };
  const others = await ports.otherNodes();
  await Promise.all(others.map(({ id }) => look(id)));
  const away = new Set(others.filter(({ id, isHeardOf }) => !isHeardOf && homes.isAwayForLong(id)).map(({ id }) => id));
  if (away.size === 0) return;
  // A home that is gone for good is asked about as long as a row names it, so that nothing to be found costs one statement.
  for (const { id, homeNodeId } of await repository.listInSync(engine.nodeId, [...away], TAKEN_A_TURN)) {
    if (engine.isClosed) return;
    if (!away.has(homeNodeId)) continue;
    const isHomeThere = async () => {
      const known = probes.get(homeNodeId);
      const isFresh = known !== undefined && ports.nowMs() - known.atMs < PROBE_KEPT_MS;
      return isFresh ? known.isThere : look(homeNodeId);
    };
    const outcome = await ports.promote(id, isHomeThere).catch((fault: unknown) => {
      engine.reportFault('take over', fault);
      return null;
    });
    if (outcome?.kind === 'home_alive') away.delete(homeNodeId);
  }
}
