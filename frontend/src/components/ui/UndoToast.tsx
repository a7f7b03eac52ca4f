import { Toast } from 'radix-ui';
import { useCallback, useState } from 'react';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useLanguage } from '../../messages/language.tsx';
import { Button } from './Button.tsx';

const SECOND_THOUGHT_MS = 6_000;

/** Says what was taken away and takes it back on request; the time stands still while it is pointed at or focused. */
export function UndoToast({
  text,
  takesFocus,
  onUndo,
  onDone,
}: {
  readonly text: string;
  /** Of whoever did it by key, and would find no way here in time. */
  readonly takesFocus: boolean;
  readonly onUndo: () => void;
  readonly onDone: () => void;
}) {
  const { messages } = useLanguage();
  const viewport = useFocusHome<HTMLOListElement>();
  // Until the focus has left: Radix stops its clock only for a focus that comes later.
  const [isHeld, setIsHeld] = useState(takesFocus);
  const focus = useCallback(
    (button: HTMLButtonElement | null) => {
      if (takesFocus) button?.focus();
    },
    [takesFocus],
  );
  return (
    <Toast.Provider label={messages.mine.notifications}>
      <Toast.Root
        duration={isHeld ? Number.POSITIVE_INFINITY : SECOND_THOUGHT_MS}
        onOpenChange={(isOpen) => !isOpen && onDone()}
        className="animate-rise flex items-center gap-4 rounded-md bg-ink py-2 ps-4 pe-2 text-paper shadow-float"
      >
        <Toast.Description className="line-clamp-2 min-w-0 flex-1 [overflow-wrap:anywhere]">{text}</Toast.Description>
        <Toast.Action asChild altText={messages.mine.undo} onClick={onUndo}>
          <Button ref={focus} onBlur={() => setIsHeld(false)}>
            {messages.mine.undo}
          </Button>
        </Toast.Action>
      </Toast.Root>
      <Toast.Viewport
        ref={viewport}
        label={messages.mine.noticesAt('{hotkey}')}
        className="fixed inset-x-4 bottom-[max(16px,env(safe-area-inset-bottom))] z-40 mx-auto max-w-md outline-none"
      />
    </Toast.Provider>
  );
}
