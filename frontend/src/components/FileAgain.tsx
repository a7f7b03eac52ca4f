import { usePickAgain } from '../lib/use-pick-again.ts';
import { useLanguage } from '../messages/language.tsx';
import type { UploadView } from '../transfer-engine/upload-view.ts';
import { PickAgain } from './PickAgain.tsx';
import { PickedProblem } from './PickedProblem.tsx';

/** Asks again for the one file that cannot be read any more, beside the buttons of its upload. */
export function FileAgain({ view }: { readonly view: UploadView }) {
  const { messages } = useLanguage();
  const picking = usePickAgain(view);
  return (
    <>
      <div className="basis-full empty:hidden sm:text-end">
        <PickedProblem missing={picking.missing} count={1} />
      </div>
      <PickAgain view={view} picking={picking} className="max-sm:flex-1" />
      <p role="status" className="self-center text-ink-soft empty:hidden">
        {picking.isComparing ? messages.upload.comparing : ''}
      </p>
    </>
  );
}
