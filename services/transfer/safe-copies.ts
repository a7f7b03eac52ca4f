import type { TransferEngine } from './transfer-engine.ts';

/**
 * "The row's home confirms that as many nodes as asked for hold everything": what a node asks before it lets go of a
 * copy that the row does not name.
 * @returns the epoch of the row under which that is so, or null
 * @throws not_found, unavailable
 */
export async function isSafeAtHome(
  engine: TransferEngine,
  transferId: string,
  replicationFactor: 1 | 2,
): Promise<number | null> {
  const transfer = await engine.load(transferId);
  const release = engine.hold(transfer);
  try {
    await engine.reread(transfer);
    const { epoch, homeNodeId, replicaState, state } = transfer.row;
    if (homeNodeId !== engine.nodeId || state === 'ended') return null;
    // While it grows or has one copy only, an old copy may serve as the next replica's beginning.
    if (replicationFactor === 2 && replicaState !== 'in_sync') return null;
    for (const file of transfer.files) {
      if (file.isSealed && !(await engine.holdsAll(transfer, file))) return null;
      if (!file.isSealed) await engine.learnFile(transfer, file);
    }
    return transfer.row.epoch === epoch ? epoch : null;
  } finally {
    release();
  }
}
