import { X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type ReactNode, type RefObject, useEffect, useState } from 'react';
import { focusHome } from '../../lib/use-focus-home.ts';
import { useLanguage } from '../../messages/language.tsx';
import { IconButton } from './Button.tsx';

/** Of the sheets that are open: where the focus belongs when one closes, the nearest first. */
const openersOfOpen: (readonly Element[])[] = [];

/** What had the focus; for a sheet that takes the place of another one, what had it before that, too. */
function openersNow(): readonly Element[] {
  const now = document.activeElement;
  const before = openersOfOpen.at(-1) ?? [];
  return now === null || now === document.body ? before : [now, ...before];
}

/**
 * A dialog: a card in the middle on a desk, a sheet from below on a phone. The dimmed ground is our own element and not
 * Radix' Overlay, which writes a style element that the page's policy forbids.
 */
export function Sheet({
  title,
  description,
  onClose,
  initialFocus,
  successor,
  children,
}: {
  readonly title: string;
  readonly description?: string;
  readonly onClose: () => void;
  /** What a person came for, where that is not the first thing in it. */
  readonly initialFocus?: RefObject<HTMLElement | null>;
  /** What has taken the place of what opened it, where that goes by what was asked for here. */
  readonly successor?: (() => HTMLElement | null) | undefined;
  readonly children: ReactNode;
}) {
  const { messages } = useLanguage();
  // What had the focus gets it back; Radix looks for it only after the page has become inert, and finds nothing.
  const [openers] = useState(openersNow);
  useEffect(() => {
    openersOfOpen.push(openers);
    return () => void openersOfOpen.splice(openersOfOpen.indexOf(openers), 1);
  }, [openers]);
  useEffect(() => {
    // The page behind is out of reach for everyone while the sheet is open, not only for screen readers.
    const page = document.getElementById('root');
    if (!page) return;
    page.inert = true;
    return () => {
      // An offer may come while another sheet is open, and be answered first.
      page.inert = openersOfOpen.length > 0;
    };
  }, []);
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-40 bg-scrim" />
        <Dialog.Content
          onOpenAutoFocus={(event) => {
            if (!initialFocus?.current) return;
            event.preventDefault();
            initialFocus.current.focus();
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            const [first] = openers;
            const opener =
              (first?.isConnected ? first : successor?.()) ?? openers.find((element) => element.isConnected);
            if (opener instanceof HTMLElement) opener.focus();
            // What was asked for here may have taken the opener away.
            focusHome();
          }}
          {...(description ? {} : { 'aria-describedby': undefined })}
          className="animate-rise fixed inset-x-0 bottom-0 z-50 flex max-h-[92dvh] flex-col gap-4 overflow-y-auto rounded-t-md bg-sheet p-6 pb-[max(24px,env(safe-area-inset-bottom))] shadow-float outline-none sm:top-1/2 sm:bottom-auto sm:mx-auto sm:w-[420px] sm:-translate-y-1/2 sm:rounded-md"
        >
          <div className="flex items-start justify-between gap-4">
            <Dialog.Title className="pt-1.5 text-lg font-medium [overflow-wrap:anywhere]">{title}</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton label={messages.app.close} className="-me-2 -mt-1">
                <X aria-hidden className="size-5" strokeWidth={1.5} />
              </IconButton>
            </Dialog.Close>
          </div>
          {description && <Dialog.Description className="-mt-2 text-ink-soft">{description}</Dialog.Description>}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
