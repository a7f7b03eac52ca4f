import { inBatches } from '../kernel/batches.ts';
import type { ChunkStore, FileFate, TransferRepository } from './ports.ts';

const FILES_A_QUERY = 500;

export interface StrandedPorts {
  readonly nodeId: string;
  readonly store: Pick<ChunkStore, 'list'>;
  readonly repository: Pick<TransferRepository, 'fateOfFiles'>;
  /** Every other node there is. @throws unavailable */
  readonly otherNodeIds: () => Promise<readonly string[]>;
  /** Whether a node's data port answers. */
  readonly answers: (nodeId: string) => Promise<boolean>;
}

/**
 * Transfers of other homes of which this node holds bytes, while neither their home nor another replica in sync answers: for
 * all that anybody can tell, nobody else has them. A copy that the row names no more counts too: its home may be lost for
 * good. Looks at every stored file, unless all nodes answer. @throws unavailable
 */
export async function countStranded(ports: StrandedPorts): Promise<number> {
  const { store, repository } = ports;
  const silent = new Set<string>();
  await Promise.all(
    (await ports.otherNodeIds()).map(async (nodeId) => {
      if (!(await ports.answers(nodeId))) silent.add(nodeId);
    }),
  );
  const stranded = new Set<string>();
  if (silent.size === 0) return 0;
  for await (const fileIds of inBatches(store.list(), FILES_A_QUERY))
    for (const fate of (await repository.fateOfFiles(fileIds)).values())
      if (isStranded(ports.nodeId, fate, silent)) stranded.add(fate.transferId);
  return stranded.size;
}

function isStranded(nodeId: string, fate: FileFate, silent: ReadonlySet<string>): boolean {
  const { homeNodeId, replicaNodeId, isReplicaInSync } = fate;
  // What is at home here is counted as such.
  if (fate.fate === 'ended' || homeNodeId === nodeId || !silent.has(homeNodeId)) return false;
  const hasOther = replicaNodeId !== null && replicaNodeId !== nodeId && isReplicaInSync && !silent.has(replicaNodeId);
  return !hasOther;
}
