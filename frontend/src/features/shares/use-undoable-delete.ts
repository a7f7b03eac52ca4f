import { useCallback, useEffect, useRef, useState } from 'react';
import { type ListedTransfer, nameOfTransfer } from '../../lib/listed-transfer.ts';
import { removing } from '../../lib/removing.ts';

/** Deleting waits a few seconds for a second thought; leaving the page is none, and neither is deleting another one. */
export function useUndoableDelete(reload: () => Promise<void>) {
  const [deleting, setDeleting] = useState<ListedTransfer | null>(null);
  const [isByKey, setIsByKey] = useState(false);
  /** Being deleted: none of them may be seen again before the list has been looked at anew. */
  const [goingIds, setGoingIds] = useState<ReadonlySet<string>>(new Set());
  const pending = useRef<ListedTransfer | null>(null);

  const carryOut = useCallback(
    async (outlivesPage: boolean) => {
      const transfer = pending.current;
      pending.current = null;
      if (!transfer) return;
      const { id: transferId } = transfer;
      setGoingIds((before) => new Set(before).add(transferId));
      await removing.remove({ transferId, name: nameOfTransfer(transfer) }, { outlivesPage });
      await reload();
      setGoingIds((before) => new Set([...before].filter((id) => id !== transferId)));
    },
    [reload],
  );
  useEffect(() => {
    const leave = () => void carryOut(true);
    window.addEventListener('pagehide', leave);
    return () => {
      window.removeEventListener('pagehide', leave);
      leave();
    };
  }, [carryOut]);

  return {
    deleting,
    isByKey,
    isHidden: (transferId: string) => transferId === deleting?.id || goingIds.has(transferId),
    remove: (transfer: ListedTransfer) => {
      void carryOut(false);
      pending.current = transfer;
      setDeleting(transfer);
      setIsByKey(document.activeElement?.matches(':focus-visible') ?? false);
    },
    undo: () => {
      pending.current = null;
      setDeleting(null);
    },
    finish: () => {
      setDeleting(null);
      void carryOut(false);
    },
  };
}
