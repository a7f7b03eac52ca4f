import type { TransferListResponse } from '../../../services/contracts/http.ts';

/** A transfer as the list of one's own shows it: sums, its link and its first files. */
export type ListedTransfer = TransferListResponse['transfers'][number];

/** Nobody new can download it, and it ends soon after the last one stops. */
export function isUsedUp({ state, maxDownloads, downloadCount }: ListedTransfer): boolean {
  return state === 'sealed' && maxDownloads !== null && downloadCount >= maxDownloads;
}

export function nameOfTransfer(transfer: ListedTransfer): string {
  const path = transfer.files[0]?.path ?? '';
  return path.slice(path.lastIndexOf('/') + 1);
}
