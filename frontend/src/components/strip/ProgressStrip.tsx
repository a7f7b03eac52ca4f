import { useMemo } from 'react';
import type { ListedTransfer } from '../../lib/listed-transfer.ts';
import { useStoredCells } from '../../lib/use-stored-cells.ts';
import { useLanguage } from '../../messages/language.tsx';
import { CELL } from '../../transfer-engine/chunk-map.ts';
import { ChunkStrip } from './ChunkStrip.tsx';

const CELL_COUNT = 100;

/** The strip of a transfer in a list: its real chunks where they are known, else a hundred cells for a hundred percent. */
export function ProgressStrip({ transfer }: { readonly transfer: ListedTransfer }) {
  const { messages, format } = useLanguage();
  const { state, committedBytes, totalBytes } = transfer;
  const known = useStoredCells(transfer);
  const isWhole = state === 'sealed';
  const storedShare = isWhole ? 1 : committedBytes / Math.max(1, totalBytes ?? Number.POSITIVE_INFINITY);
  const sums = useMemo(
    () => new Uint8Array(CELL_COUNT).fill(CELL.stored, 0, Math.floor(storedShare * CELL_COUNT)),
    [storedShare],
  );
  return (
    <ChunkStrip
      cells={known?.cells ?? sums}
      revision={known?.revision ?? 0}
      isSealed={isWhole}
      {...(known ? {} : { label: messages.strip.share(format.percent(storedShare)) })}
      className="h-3"
    />
  );
}
