import type { TextItem } from '../../../../services/contracts/people.ts';
import { Button } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import { useLanguage } from '../../messages/language.tsx';
import { inboxStore } from './inbox-store.ts';
import { PersonMark } from './PersonMark.tsx';
import { textParts } from './text-parts.ts';

/** A text that somebody sent, as plain text. Its links lead away only when they are pressed, and take nothing along. */
export function TextSheet({ item, onLater }: { readonly item: TextItem; readonly onLater: () => void }) {
  const { messages } = useLanguage();
  const words = messages.people.text;
  let place = 0;
  return (
    <Sheet title={words.title(item.sender.displayName)} onClose={onLater}>
      <div className="flex items-start gap-4">
        <PersonMark id={item.sender.id} className="size-12 max-sm:hidden" />
        <section
          aria-label={words.label}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a long text is scrolled by keys
          tabIndex={0}
          dir="auto"
          className="name-start max-h-[50dvh] min-w-0 flex-1 overflow-y-auto rounded-md bg-cell p-4 whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {textParts(item.text).map((part) => {
            const key = place;
            place += part.text.length;
            return part.kind === 'link' ? (
              <a
                key={key}
                href={part.text}
                target="_blank"
                rel="noopener noreferrer"
                className="underline underline-offset-4"
              >
                {part.text}
              </a>
            ) : (
              <span key={key}>{part.text}</span>
            );
          })}
        </section>
      </div>
      <div className="grid grid-cols-2 gap-2">
        <Button size="lg" onClick={() => inboxStore.dismiss(item)}>
          {words.dismiss}
        </Button>
        <CopyButton variant="primary" size="lg" text={item.text} label={words.copy} />
      </div>
    </Sheet>
  );
}
