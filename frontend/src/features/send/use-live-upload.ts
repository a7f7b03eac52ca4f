import { useEffect } from 'react';
import { live } from '../../lib/live.ts';
import { createStore, useStore } from '../../lib/store.ts';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';

const recipientsByTransfer = createStore<ReadonlyMap<string, number>>(new Map());

function noteRecipients(transferId: string, count: number): void {
  recipientsByTransfer.change((before) =>
    before.get(transferId) === count ? before : new Map(before).set(transferId, count),
  );
}

/** Follows an upload over the socket while it is shown: commits sooner than the answers, and who is receiving. */
export function useLiveUpload(view: UploadView): number {
  const { transferId, uploadToken } = view;
  const isOver = view.phase.name === 'ended' || view.phase.name === 'cancelled' || view.phase.name === 'needs_files';
  useEffect(() => {
    if (isOver) return;
    return live.watch(
      { transferId, uploadToken },
      {
        snapshot: (snapshot) => noteRecipients(transferId, snapshot.recipients ?? 0),
        progress: (progress) => {
          noteRecipients(transferId, progress.recipients);
          for (const [fileIndex, ranges] of Object.entries(progress.committed)) {
            uploads.heardCommitted(transferId, Number(fileIndex), ranges);
          }
        },
        state: (event) => uploads.heardState(transferId, event.state),
      },
    );
  }, [transferId, uploadToken, isOver]);
  return useStore(recipientsByTransfer).get(transferId) ?? 0;
}
