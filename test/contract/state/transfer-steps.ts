import type { TransferRow } from '../../../services/transfer/ports.ts';
import { bytes, newFile, newTransfer, ROOMY, type TransferHarness } from './state-harness.ts';

/** What the suites of transfers do again and again: a transfer that is open, and the seal of one of its files. */
export function transferSteps(make: () => TransferHarness) {
  const open = async (fileCount = 1, changes: Parameters<typeof newTransfer>[0] = {}) => {
    const row = newTransfer(changes);
    const files = Array.from({ length: fileCount }, (_, index) => newFile(index));
    const inserted = await make().transfers.insert(row, files, ROOMY);
    if (inserted.outcome !== 'inserted') throw new Error(inserted.outcome);
    return inserted.row;
  };
  const seal = (transfer: TransferRow, fileIndex: number, changes: { knownEpoch?: number; homeNodeId?: string } = {}) =>
    make().transfers.sealFile({
      transferId: transfer.id,
      fileIndex,
      knownEpoch: transfer.epoch,
      homeNodeId: transfer.homeNodeId,
      digest: bytes(32, fileIndex + 1),
      sizeBytes: 1_000,
      ...changes,
    });

  return { open, seal };
}
