import { FilePlus, FolderPlus } from 'lucide-react';
import { type RefObject, useRef, useState } from 'react';
import { FilePicker } from '../../components/FilePicker.tsx';
import { usePartAtHand } from '../../components/LaterPart.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { CollectedFile, DraftItem } from '../../lib/file-list.ts';
import { nameOf, removeItem, totalBytesOf } from '../../lib/file-list.ts';
import { session } from '../../lib/session.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useTitle } from '../../lib/use-title.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { undoToast } from './Cleared.tsx';
import { DraftFiles } from './DraftFiles.tsx';
import { changeDraft, clearDraft, type Draft, sendDraft } from './draft-store.ts';
import { SendOptions } from './SendOptions.tsx';

type OnPick = (files: readonly CollectedFile[]) => void;

export function DraftPanel({ draft, onPick }: { readonly draft: Draft; readonly onPick: OnPick }) {
  const { messages, format } = useLanguage();
  const [said, setSaid] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);
  const panel = useFocusHome<HTMLElement>();
  const { items } = draft;
  const excess = useExcess(items);
  const title = messages.send.listTitle(items.length, format.count(items.length), format.size(totalBytesOf(items)));
  useTitle(messages.app.titlePage(title));
  usePartAtHand(undoToast);
  const remove = (item: DraftItem) => {
    changeDraft({ items: removeItem(items, item.id) });
    setSaid(messages.send.removed(nameOf(item.path)));
    // The button that had the focus is gone with its row.
    heading.current?.focus();
  };
  return (
    <section ref={panel} className="flex flex-col gap-8 pt-8 max-sm:flex-1 sm:pb-4" aria-labelledby="draft-title">
      <Heading heading={heading} title={title} onPick={onPick} />
      {draft.resumedName !== null && (
        <Notice tone="news" title={messages.send.resumedBeside(draft.resumedName)}>
          {messages.send.resumedBesideText}
        </Notice>
      )}
      {/* What is being sent is settled: a row taken out or a password set now would be believed in, and too late. */}
      <fieldset disabled={draft.isOpening} className="flex min-w-0 flex-col gap-8">
        <DraftFiles items={items} maxBytes={excess.maxBytes} onRemove={remove} />
        <SendOptions options={draft.options} />
      </fieldset>
      <Refusals draft={draft} excess={excess} />
      <Bar isOpening={draft.isOpening} canSend={excess.largeCount === 0 && excess.maxFiles === null} />
      <p role="status" className="sr-only">
        {said}
      </p>
    </section>
  );
}

/** What of it this server would not take. */
interface Excess {
  /** Of one file; without a bound until the server has said it. */
  readonly maxBytes: number;
  readonly largeCount: number;
  /** The most files at once, if these are more. */
  readonly maxFiles: number | null;
}

function useExcess(items: readonly DraftItem[]): Excess {
  const state = useStore(session);
  const limits = state.name === 'ready' ? state.answer.limits : null;
  const maxBytes = limits?.maxFileBytes ?? Number.POSITIVE_INFINITY;
  return {
    maxBytes,
    largeCount: items.filter((item) => item.file.size > maxBytes).length,
    maxFiles: limits !== null && items.length > limits.maxFilesPerTransfer ? limits.maxFilesPerTransfer : null,
  };
}

function Heading({
  heading,
  title,
  onPick,
}: {
  readonly heading: RefObject<HTMLHeadingElement | null>;
  readonly title: string;
  readonly onPick: OnPick;
}) {
  const { messages } = useLanguage();
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <h1
        id="draft-title"
        ref={heading}
        tabIndex={-1}
        className="tabular text-3xl font-semibold tracking-[-0.03em] outline-none sm:text-4xl"
      >
        {title}
      </h1>
      <div className="-ms-3 flex flex-wrap sm:ms-0 sm:-me-3">
        <FilePicker
          label={messages.send.addMore}
          variant="quiet"
          className="px-3!"
          icon={<FilePlus aria-hidden className="size-5" strokeWidth={1.5} />}
          onPick={onPick}
        />
        <FilePicker
          label={messages.send.addFolder}
          picksFolder
          variant="quiet"
          className="px-3!"
          icon={<FolderPlus aria-hidden className="size-5" strokeWidth={1.5} />}
          onPick={onPick}
        />
      </div>
    </div>
  );
}

function Refusals({ draft, excess }: { readonly draft: Draft; readonly excess: Excess }) {
  const { messages, format } = useLanguage();
  const { maxBytes, largeCount, maxFiles } = excess;
  const explanation = draft.fault ? explainFault(draft.fault, messages, format) : null;
  return (
    <>
      {largeCount > 0 && (
        <Notice
          tone="loss"
          title={messages.send.tooLargeCount(largeCount, format.count(largeCount), format.size(maxBytes))}
        >
          {messages.fault.too_large.advice}
        </Notice>
      )}
      {maxFiles !== null && <Notice tone="loss" title={messages.send.tooMany(format.count(maxFiles))} />}
      {explanation && (
        <Notice tone="loss" title={explanation.title}>
          {explanation.advice}
        </Notice>
      )}
    </>
  );
}

/** On a phone it stays under the thumb, and lets the end of the page be seen once one is there. */
function Bar({ isOpening, canSend }: { readonly isOpening: boolean; readonly canSend: boolean }) {
  const { messages } = useLanguage();
  const clear = () => clearDraft(document.activeElement?.matches(':focus-visible') ?? false);
  return (
    <div className="flex flex-wrap items-center gap-3 max-sm:sticky max-sm:bottom-0 max-sm:z-20 max-sm:-mx-5 max-sm:mt-auto max-sm:border-t max-sm:border-hairline max-sm:bg-paper max-sm:px-5 max-sm:pt-3 max-sm:pb-[max(12px,env(safe-area-inset-bottom))]">
      <Button
        variant="primary"
        size="lg"
        className="min-w-40 max-sm:flex-1"
        isBusy={isOpening}
        disabled={!canSend}
        onClick={() => void sendDraft()}
      >
        {isOpening ? messages.send.sending : messages.send.send}
      </Button>
      <Button variant="quiet" isBusy={isOpening} onClick={clear}>
        {messages.send.clear}
      </Button>
    </div>
  );
}
