import { useState } from 'react';
import { TransferName } from '../../components/FileName.tsx';
import { FilePicker } from '../../components/FilePicker.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { nameOf } from '../../lib/file-list.ts';
import { filesOf } from '../../lib/kept-files.ts';
import { removing } from '../../lib/removing.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { PickedFile } from '../../transfer-engine/match-files.ts';
import { type UploadView, uploads } from '../../transfer-engine/uploads.ts';
import { showResumed } from './draft-store.ts';
import { titleOf } from './UploadPanel.tsx';

/** An upload of an earlier visit: shows how far it came and asks for its files again. */
export function UnfinishedPanel({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const [problem, setProblem] = useState('');
  const handles = uploads.handlesFor(view.transferId);
  const [isHandleRefused, setIsHandleRefused] = useState(false);
  const count = view.files.length;
  const hasFolders = view.files.some((file) => file.path.includes('/'));
  const name = titleOf(view);

  const goOn = async (picked: readonly PickedFile[]) => {
    if (picked.length === 0) return;
    const outcome = await uploads.resumeWith(view.transferId, picked, await uploadPace());
    if (outcome.kind === 'resumed') {
      showResumed(view.transferId);
      return;
    }
    const missing = nameOf(outcome.paths[0] ?? name);
    const others = outcome.paths.length - 1;
    setProblem(
      count === 1
        ? messages.upload.notTheSame(missing)
        : messages.upload.stillMissing(missing, others, format.count(others)),
    );
  };
  const goOnByHandles = async () => {
    const files = handles ? await filesOf(handles) : null;
    if (files) await goOn(files);
    else setIsHandleRefused(true);
  };
  const discard = () => void removing.remove({ transferId: view.transferId, name, uploadToken: view.uploadToken });

  return (
    <section aria-label={messages.upload.region(name)} className="animate-rise flex flex-col gap-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 className="min-w-0 text-lg font-medium">
          <TransferName name={name} fileCount={count} />
        </h2>
        <p className="tabular text-ink-soft">
          {messages.upload.phase.needs_files} ·{' '}
          {messages.upload.ofTotal(format.size(view.storedBytes), format.size(view.totalBytes))}
        </p>
      </div>
      <ChunkStrip cells={view.cells} revision={view.revision} isSealed={false} className="h-8" />
      <p className="text-ink-soft">{messages.upload.needFiles(count, format.count(count))}</p>
      {problem && (
        <p role="alert" className="text-red-ink">
          {problem}
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        {handles && !isHandleRefused ? (
          <Button variant="primary" onClick={() => void goOnByHandles()}>
            {messages.upload.goOn}
          </Button>
        ) : (
          <FilePicker
            variant="primary"
            isSingle={count === 1}
            picksFolder={hasFolders}
            label={
              hasFolders
                ? messages.upload.pickFolderAgain
                : count === 1
                  ? messages.upload.pickAgain
                  : messages.upload.pickAgainMany
            }
            onPick={(files) => void goOn(files)}
          />
        )}
        <Button variant="quiet" onClick={discard}>
          {messages.upload.discard}
        </Button>
      </div>
    </section>
  );
}
