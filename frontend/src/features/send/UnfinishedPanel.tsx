import { useState } from 'react';
import { TransferName } from '../../components/FileName.tsx';
import { LaterPart, usePartAtHand } from '../../components/LaterPart.tsx';
import { PickAgain } from '../../components/PickAgain.tsx';
import { PickedProblem } from '../../components/PickedProblem.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { removing } from '../../lib/removing.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { usePickAgain } from '../../lib/use-pick-again.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { showResumed } from './draft-store.ts';
import { confirmSheet, titleOf } from './UploadPanel.tsx';

/** An upload of an earlier visit: shows how far it came and asks for its files again. */
export function UnfinishedPanel({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const picking = usePickAgain(view, () => showResumed(view.transferId));
  const count = view.files.length;
  const name = titleOf(view);
  const panel = useFocusHome<HTMLElement>();
  const [isAsking, setIsAsking] = useState(false);
  usePartAtHand(confirmSheet);
  const discard = async () => {
    setIsAsking(false);
    const { transferId, uploadToken } = view;
    // Another tab may have taken it up unheard.
    if (!(await uploads.yieldToOthers()).has(transferId)) await removing.remove({ transferId, name, uploadToken });
  };

  return (
    <section ref={panel} aria-label={messages.upload.region(name)} className="animate-rise flex flex-col gap-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 className="min-w-0 text-lg font-medium">
          <TransferName name={name} fileCount={count} />
        </h2>
        <p className="tabular text-ink-soft">
          {messages.upload.phase.needs_files} ·{' '}
          {view.isStoredKnown
            ? messages.upload.ofTotal(format.size(view.storedBytes), format.size(view.totalBytes))
            : format.size(view.totalBytes)}
        </p>
      </div>
      {view.isStoredKnown && (
        <ChunkStrip cells={view.cells} revision={view.revision} isSealed={false} className="h-8" />
      )}
      <p className="text-ink-soft">{messages.upload.needFiles(count, format.count(count))}</p>
      <PickedProblem missing={picking.missing} count={count} />
      <div className="flex flex-wrap gap-2">
        <PickAgain view={view} picking={picking} />
        <Button variant="quiet" onClick={() => setIsAsking(true)}>
          {messages.upload.discard}
        </Button>
        {isAsking && (
          <LaterPart part={confirmSheet}>
            {(ConfirmSheet) => (
              <ConfirmSheet
                title={messages.upload.discardTitle}
                text={messages.upload.cancelText}
                yes={messages.upload.discardYes}
                no={messages.upload.discardNo}
                onYes={() => void discard()}
                onClose={() => setIsAsking(false)}
              />
            )}
          </LaterPart>
        )}
        <p role="status" className="self-center text-ink-soft">
          {picking.isComparing ? messages.upload.comparing : ''}
        </p>
      </div>
    </section>
  );
}
