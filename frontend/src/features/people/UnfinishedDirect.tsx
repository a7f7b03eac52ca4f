import { PickAgain } from '../../components/PickAgain.tsx';
import { PickedProblem } from '../../components/PickedProblem.tsx';
import { usePickAgain } from '../../lib/use-pick-again.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { UploadView } from '../../transfer-engine/upload-view.ts';

/** Begun in an earlier visit: the recipients wait where they are until the files are there again. */
export function UnfinishedDirect({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const words = messages.upload;
  const picking = usePickAgain(view);
  const count = view.files.length;
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-ink-soft">{words.needFiles(count, format.count(count))}</p>
      <PickedProblem missing={picking.missing} count={count} />
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <PickAgain view={view} picking={picking} />
        <p role="status" className="text-ink-soft">
          {picking.isComparing ? words.comparing : ''}
        </p>
      </div>
    </div>
  );
}
