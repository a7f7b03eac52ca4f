import { LaterPart } from '../../components/LaterPart.tsx';
import { later } from '../../lib/later.ts';
import { useLanguage } from '../../messages/language.tsx';
import { type Draft, forgetCleared, restoreCleared } from './draft-store.ts';

/** Wanted only by those who start over. */
export const undoToast = later(async () => (await import('../../components/ui/UndoToast.tsx')).UndoToast);

/** What Start over took off the list can be had back for a few seconds. */
export function Cleared({ cleared }: { readonly cleared: Draft['cleared'] }) {
  const { messages, format } = useLanguage();
  if (cleared === null) return null;
  const count = cleared.items.length;
  return (
    <LaterPart part={undoToast} isQuiet>
      {(UndoToast) => (
        <UndoToast
          key={cleared.items[0]?.id}
          text={messages.send.cleared(count, format.count(count))}
          takesFocus={cleared.isByKey}
          onUndo={restoreCleared}
          onDone={forgetCleared}
        />
      )}
    </LaterPart>
  );
}
