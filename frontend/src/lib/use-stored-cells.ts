import { useEffect, useState } from 'react';
import { uploads } from '../transfer-engine/uploads.ts';
import { api } from './api.ts';
import { cellsOfStatus } from './chunk-cells.ts';
import type { ListedTransfer } from './listed-transfer.ts';
import { useStore } from './store.ts';

/** Of more files the answer is too long to be asked for again and again; what is sent by this page is known anyway. */
const MOST_FILES_ASKED = 100;

export interface StoredCells {
  readonly cells: Uint8Array;
  /** Changes with the cells, which may change in place. */
  readonly revision: number;
}

/**
 * The real chunks of a transfer in a list, as long as it is not sealed: of an upload of this page as it knows them, of
 * any other as its home says whenever the list tells of more. Null where neither does.
 */
export function useStoredCells({ id, state, fileCount, committedBytes }: ListedTransfer): StoredCells | null {
  const view = useStore(uploads).find((one) => one.transferId === id && one.isStoredKnown);
  const [asked, setAsked] = useState<StoredCells | null>(null);
  const mustAsk = view === undefined && state === 'open' && fileCount <= MOST_FILES_ASKED;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when more is committed
  useEffect(() => {
    if (!mustAsk) return;
    let isGone = false;
    void api.status(id).then((answer) => {
      if (isGone || !answer.ok) return;
      setAsked((before) => ({ cells: cellsOfStatus(answer.value.files), revision: (before?.revision ?? 0) + 1 }));
    });
    return () => {
      isGone = true;
    };
  }, [mustAsk, id, committedBytes]);
  return view ?? (mustAsk ? asked : null);
}
