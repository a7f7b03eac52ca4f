import { useState } from 'react';
import { FilePicker } from '../../components/FilePicker.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { nameOf } from '../../lib/file-list.ts';
import { filesOf } from '../../lib/kept-files.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { PickedFile } from '../../transfer-engine/match-files.ts';
import { type UploadView, uploads } from '../../transfer-engine/uploads.ts';

/** Begun in an earlier visit: the recipients wait where they are until the files are there again. */
export function UnfinishedDirect({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const words = messages.upload;
  const [problem, setProblem] = useState('');
  const [isHandleRefused, setIsHandleRefused] = useState(false);
  const handles = uploads.handlesFor(view.transferId);
  const count = view.files.length;
  const hasFolders = view.files.some((file) => file.path.includes('/'));
  const goOn = async (picked: readonly PickedFile[]) => {
    if (picked.length === 0) return;
    const outcome = await uploads.resumeWith(view.transferId, picked, await uploadPace());
    if (outcome.kind === 'resumed') return;
    const missing = nameOf(outcome.paths[0] ?? '');
    const others = outcome.paths.length - 1;
    setProblem(count === 1 ? words.notTheSame(missing) : words.stillMissing(missing, others, format.count(others)));
  };
  const goOnByHandles = async () => {
    const files = handles ? await filesOf(handles) : null;
    if (files) await goOn(files);
    else setIsHandleRefused(true);
  };
  const label = hasFolders ? words.pickFolderAgain : count === 1 ? words.pickAgain : words.pickAgainMany;
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-ink-soft">{words.needFiles(count, format.count(count))}</p>
      {problem && (
        <p role="alert" className="text-red-ink">
          {problem}
        </p>
      )}
      {handles && !isHandleRefused ? (
        <Button variant="primary" onClick={() => void goOnByHandles()}>
          {words.goOn}
        </Button>
      ) : (
        <FilePicker
          variant="primary"
          isSingle={count === 1}
          picksFolder={hasFolders}
          label={label}
          onPick={(files) => void goOn(files)}
        />
      )}
    </div>
  );
}
