import { FilePicker } from '../../components/FilePicker.tsx';
import { PickedProblem } from '../../components/PickedProblem.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { usePickAgain } from '../../lib/use-pick-again.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { UploadView } from '../../transfer-engine/uploads.ts';

/** Begun in an earlier visit: the recipients wait where they are until the files are there again. */
export function UnfinishedDirect({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const words = messages.upload;
  const { isComparing, missing, pick, pickKept } = usePickAgain(view);
  const count = view.files.length;
  const hasFolders = view.files.some((file) => file.path.includes('/'));
  const label = hasFolders ? words.pickFolderAgain : count === 1 ? words.pickAgain : words.pickAgainMany;
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-ink-soft">{words.needFiles(count, format.count(count))}</p>
      <PickedProblem missing={missing} count={count} />
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        {pickKept ? (
          <Button variant="primary" onClick={() => void pickKept()}>
            {words.goOn}
          </Button>
        ) : (
          <FilePicker
            variant="primary"
            isSingle={count === 1}
            picksFolder={hasFolders}
            label={label}
            onPick={(files) => void pick(files)}
          />
        )}
        <p role="status" className="text-ink-soft">
          {isComparing ? words.comparing : ''}
        </p>
      </div>
    </div>
  );
}
