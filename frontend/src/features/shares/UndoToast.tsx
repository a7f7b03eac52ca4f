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
        className="animate-rise flex items-center gap-4 rounded-md bg-ink py-2 ps-4 pe-2 text-paper shadow-float"
      >
        <Toast.Description className="line-clamp-2 min-w-0 flex-1 [overflow-wrap:anywhere]">
          {messages.mine.removed(name)}
        </Toast.Description>
        <Toast.Action asChild altText={messages.mine.undo} onClick={onUndo}>
          <Button variant="secondary">{messages.mine.undo}</Button>
        </Toast.Action>
      </Toast.Root>
      <Toast.Viewport
        label={messages.mine.noticesAt('{hotkey}')}
        className="fixed inset-x-4 bottom-[max(16px,env(safe-area-inset-bottom))] z-40 mx-auto max-w-md outline-none"
      />
    </Toast.Provider>
  );
}
