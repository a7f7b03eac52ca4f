import { LEASE_MAX_OVERREAD } from '../contracts/limits.ts';
import type { DownloadLease, PlannedFile } from './ports.ts';

/**
 * Why a stream may not begin now: `too_much` by what was sent already, which no waiting changes, or `held` by streams that
 * may send less than they could.
 */
export function refusalOf(
  planned: readonly PlannedFile[],
  servedBytes: DownloadLease['servedBytes'],
): 'too_much' | 'held' {
  const isSpent = planned.some(
    ({ fileIndex, sizeBytes, plannedBytes }) =>
      plannedBytes + (servedBytes[fileIndex] ?? 0) > LEASE_MAX_OVERREAD * sizeBytes,
  );
  return isSpent ? 'too_much' : 'held';
}
