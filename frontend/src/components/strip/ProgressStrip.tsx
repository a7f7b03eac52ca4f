import { useMemo } from 'react';
import type { TransferSummary } from '../../../../services/contracts/http.ts';
import { useLanguage } from '../../messages/language.tsx';
import { CELL } from '../../transfer-engine/chunk-map.ts';
import { ChunkStrip } from './ChunkStrip.tsx';

const CELL_COUNT = 100;

/** The strip of a transfer of which only the sums are known: a hundred cells for a hundred percent. */
export function ProgressStrip({
  transfer,
}: {
  readonly transfer: Pick<TransferSummary, 'state' | 'committedBytes' | 'totalBytes'>;
}) {
  const { state, committedBytes, totalBytes } = transfer;
  const { messages, format } = useLanguage();
  const isWhole = state === 'sealed';
  const storedShare = isWhole ? 1 : committedBytes / Math.max(1, totalBytes ?? Number.POSITIVE_INFINITY);
  const cells = useMemo(
    () => new Uint8Array(CELL_COUNT).fill(CELL.stored, 0, Math.floor(storedShare * CELL_COUNT)),
    [storedShare],
  );
  const label = messages.strip.share(format.percent(storedShare));
  return <ChunkStrip cells={cells} revision={0} isSealed={isWhole} label={label} className="h-3" />;
}
