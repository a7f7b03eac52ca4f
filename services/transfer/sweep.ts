import { ENDED_ROW_KEPT_MS, ORPHAN_BYTES_KEPT_MS } from '../contracts/limits.ts';
import type { ChunkStore, TransferRepository } from './ports.ts';

const BATCH = 500;

export interface SweepReport {
  readonly removedCount: number;
  readonly setAsideCount: number;
  readonly purgedCount: number;
}

/**
 * "Bytes are deleted only because a row says `ended`; bytes without a row are set aside for 7 days." A file made after
 * the listing began has a row by then, so a young file is never mistaken for an orphan.
 */
export async function sweepStore(store: ChunkStore, repository: TransferRepository): Promise<SweepReport> {
  let removedCount = 0;
  let setAsideCount = 0;
  let batch: string[] = [];
  const settle = async () => {
    const fates = await repository.fateOfFiles(batch);
    for (const fileId of batch) {
      const fate = fates.get(fileId);
      if (fate === 'kept') continue;
      if (fate === 'ended') {
        await store.remove(fileId);
        removedCount += 1;
      } else {
        await store.setAside(fileId);
        setAsideCount += 1;
      }
    }
    batch = [];
  };
  for await (const fileId of store.list()) {
    batch.push(fileId);
    if (batch.length >= BATCH) await settle();
  }
  if (batch.length > 0) await settle();
  const purgedCount = await store.purgeSetAside(ORPHAN_BYTES_KEPT_MS);
  return { removedCount, setAsideCount, purgedCount };
}

/** The leader's part: rows that are over. Bounded a turn; the next turn goes on. */
export async function expireRows(repository: TransferRepository, uploadTtlSeconds: number): Promise<readonly string[]> {
  const ended = await repository.endExpired({ uploadTtlSeconds, limit: BATCH });
  await repository.deleteEndedRows(ENDED_ROW_KEPT_MS / 1000, BATCH);
  return ended;
}
