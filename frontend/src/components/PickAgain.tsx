import { type Picker, pickersFor } from '../lib/pickers.ts';
import type { PickingAgain } from '../lib/use-pick-again.ts';
import { useLanguage } from '../messages/language.tsx';
import { type UploadView, unreadableFileOf } from '../transfer-engine/upload-view.ts';
import { FilePicker } from './FilePicker.tsx';
import { Button } from './ui/Button.tsx';

/** The buttons by which an unfinished upload gets its files again: whatever was sent can be picked with them. */
export function PickAgain({
  view,
  picking,
  className = '',
}: {
  readonly view: UploadView;
  readonly picking: PickingAgain;
  readonly className?: string;
}) {
  const { messages } = useLanguage();
  const words = messages.upload;
  if (picking.pickKept) {
    return (
      <Button variant="primary" className={className} onClick={() => void picking.pickKept?.()}>
        {words.goOn}
      </Button>
    );
  }
  const labels: Readonly<Record<Picker, string>> = {
    file: words.pickAgain,
    files: words.pickAgainMany,
    folder: words.pickFolderAgain,
    looseFiles: words.pickLooseAgain,
  };
  // A single file of a folder is asked for by itself: the rest is in hand.
  const isOne = unreadableFileOf(view) !== null;
  return (isOne ? (['file'] as const) : pickersFor(view.files)).map((picker, index) => (
    <FilePicker
      key={picker}
      variant={index === 0 ? 'primary' : 'secondary'}
      isSingle={picker === 'file'}
      picksFolder={picker === 'folder'}
      label={labels[picker]}
      className={className}
      onPick={(files) => void picking.pick(files)}
    />
  ));
}
