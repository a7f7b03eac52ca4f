import type { TransferRepository } from './ports.ts';
import { replicasOn } from './row-pages.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Each may be a copy of a whole transfer. The next turn goes on. */
const REPLACED_A_TURN = 50;

/** At the home: another node instead of this replica. */
export async function replaceReplica(engine: TransferEngine, transferId: string, replicaNodeId: string): Promise<void> {
  const transfer = await engine.load(transferId);
  const release = engine.hold(transfer);
  try {
    if (transfer.row.homeNodeId === engine.nodeId) await transfer.home?.replaceReplica(replicaNodeId);
  } finally {
    release();
  }
}

export interface ReplaceGonePorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'listByReplica'>;
  readonly goneNodeIds: () => Promise<readonly string[]>;
}

/** Nothing is sent to the replica of a sealed transfer, so nothing fails when its node is gone: the home looks now and then. */
export async function replaceGone({ engine, repository, goneNodeIds }: ReplaceGonePorts): Promise<void> {
  let count = 0;
  for (const nodeId of await goneNodeIds()) {
    for await (const row of replicasOn(repository, nodeId)) {
      if (row.homeNodeId !== engine.nodeId) continue;
      if (engine.isClosed || count >= REPLACED_A_TURN) return;
      count += 1;
      await replaceReplica(engine, row.id, nodeId);
    }
  }
}

export interface ReleasePorts {
  readonly engine: Pick<TransferEngine, 'nodeId' | 'reportFault' | 'isClosed'>;
  readonly repository: Pick<TransferRepository, 'listByReplica'>;
  /** Asks a home to replace this node. */
  readonly ask: (transferId: string, homeNodeId: string) => Promise<unknown>;
}

/** On a node that is being emptied: asks each home whose replica it is for another. */
export async function releaseReplicas({ engine, repository, ask }: ReleasePorts): Promise<void> {
  for await (const { id: transferId, homeNodeId } of replicasOn(repository, engine.nodeId)) {
    if (engine.isClosed) return;
    // A home that does not answer keeps its replica; it finds out that this node is gone by itself.
    await ask(transferId, homeNodeId).catch((fault: unknown) => engine.reportFault('release a replica', fault));
  }
}
