import { Toast } from 'radix-ui';
import { Button } from '../../components/ui/Button.tsx';
import { useLanguage } from '../../messages/language.tsx';

const SECOND_THOUGHT_MS = 6_000;

/** Says what was deleted and takes it back on request; the time stands still while it is pointed at or focused. */
export function UndoToast({
  name,
  onUndo,
  onDone,
}: {
  readonly name: string;
  readonly onUndo: () => void;
  readonly onDone: () => void;
}) {
  const { messages } = useLanguage();
  return (
    <Toast.Provider label={messages.mine.notifications} duration={SECOND_THOUGHT_MS}>
      <Toast.Root
        onOpenChange={(isOpen) => !isOpen && onDone()}
        className="animate-rise flex items-center gap-4 rounded-md bg-ink py-2 pr-2 pl-4 text-paper shadow-float"
      >
        <Toast.Description className="min-w-0 flex-1 truncate">{messages.mine.removed(name)}</Toast.Description>
        <Toast.Action asChild altText={messages.mine.undo} onClick={onUndo}>
          <Button variant="secondary">{messages.mine.undo}</Button>
        </Toast.Action>
      </Toast.Root>
      <Toast.Viewport className="fixed inset-x-4 bottom-[max(16px,env(safe-area-inset-bottom))] z-40 mx-auto max-w-md outline-none" />
    </Toast.Provider>
  );
}
