import { FilePlus, FolderPlus, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { FileName } from '../../components/FileName.tsx';
import { FilePicker } from '../../components/FilePicker.tsx';
import { usePartAtHand } from '../../components/LaterPart.tsx';
import { Button, IconButton } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { CollectedFile, DraftItem } from '../../lib/file-list.ts';
import { folderOf, nameOf, removeItem, renameItem, totalBytesOf } from '../../lib/file-list.ts';
import { session } from '../../lib/session.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useTitle } from '../../lib/use-title.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { undoToast } from './Cleared.tsx';
import { changeDraft, clearDraft, type Draft, draftStore, sendDraft } from './draft-store.ts';
import { SendOptions } from './SendOptions.tsx';

/** More rows would make typing slow long before they helped anyone to read. */
const ROWS_AT_FIRST = 100;

export function DraftPanel({
  draft,
  onPick,
}: {
  readonly draft: Draft;
  readonly onPick: (files: readonly CollectedFile[]) => void;
}) {
  const { messages, format } = useLanguage();
  const [rowLimit, setRowLimit] = useState(ROWS_AT_FIRST);
  const [said, setSaid] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);
  const panel = useFocusHome<HTMLElement>();
  const { items } = draft;
  const state = useStore(session);
  const limits = state.name === 'ready' ? state.answer.limits : null;
  const maxBytes = limits?.maxFileBytes ?? Number.POSITIVE_INFINITY;
  const tooLarge = items.filter((item) => item.file.size > maxBytes);
  const isTooMany = limits !== null && items.length > limits.maxFilesPerTransfer;
  const title = messages.send.listTitle(items.length, format.count(items.length), format.size(totalBytesOf(items)));
  const explanation = draft.fault ? explainFault(draft.fault, messages, format) : null;
  useTitle(messages.app.titlePage(title));
  usePartAtHand(undoToast);

  const clear = () => clearDraft(document.activeElement?.matches(':focus-visible') ?? false);
  const remove = (item: DraftItem) => {
    changeDraft({ items: removeItem(items, item.id) });
    setSaid(messages.send.removed(nameOf(item.path)));
    // The button that had the focus is gone with its row.
    heading.current?.focus();
  };

  return (
    <section ref={panel} className="flex flex-col gap-8 pt-8 max-sm:flex-1 sm:pb-4" aria-labelledby="draft-title">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <h1
          id="draft-title"
          ref={heading}
          tabIndex={-1}
          className="tabular text-3xl font-semibold tracking-[-0.03em] outline-none sm:text-4xl"
        >
          {title}
        </h1>
        <div className="-ms-3 flex flex-wrap sm:ms-0">
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

      {draft.resumedName !== null && (
        <Notice tone="news" title={messages.send.resumedBeside(draft.resumedName)}>
          {messages.send.resumedBesideText}
        </Notice>
      )}

      {/* What is being sent is settled: a row taken out or a password set now would be believed in, and too late. */}
      <fieldset disabled={draft.isOpening} className="flex min-w-0 flex-col gap-8">
        <ul aria-label={messages.send.listLabel} className="divide-y divide-hairline border-y border-hairline">
          {items.slice(0, rowLimit).map((item) => (
            <DraftRow key={item.id} item={item} maxBytes={maxBytes} onRemove={() => remove(item)} />
          ))}
          {items.length > rowLimit && (
            <li className="py-1">
              <Button variant="quiet" className="px-0!" onClick={() => setRowLimit(rowLimit + ROWS_AT_FIRST * 5)}>
                {messages.send.andMore(format.count(items.length - rowLimit))}
              </Button>
            </li>
          )}
        </ul>

        <SendOptions options={draft.options} />
      </fieldset>

      {tooLarge.length > 0 && (
        <Notice
          tone="loss"
          title={messages.send.tooLargeCount(tooLarge.length, format.count(tooLarge.length), format.size(maxBytes))}
        >
          {messages.fault.too_large.advice}
        </Notice>
      )}
      {isTooMany && <Notice tone="loss" title={messages.send.tooMany(format.count(limits.maxFilesPerTransfer))} />}
      {explanation && (
        <Notice tone="loss" title={explanation.title}>
          {explanation.advice}
        </Notice>
      )}

      {/* On a phone it stays under the thumb, and lets the end of the page be seen once one is there. */}
      <div className="flex flex-wrap items-center gap-3 max-sm:sticky max-sm:bottom-0 max-sm:z-20 max-sm:-mx-5 max-sm:mt-auto max-sm:border-t max-sm:border-hairline max-sm:bg-paper max-sm:px-5 max-sm:pt-3 max-sm:pb-[max(12px,env(safe-area-inset-bottom))]">
        <Button
          variant="primary"
          size="lg"
          className="min-w-40 max-sm:flex-1"
          isBusy={draft.isOpening}
          disabled={tooLarge.length > 0 || isTooMany}
          onClick={() => void sendDraft()}
        >
          {draft.isOpening ? messages.send.sending : messages.send.send}
        </Button>
        <Button variant="quiet" isBusy={draft.isOpening} onClick={clear}>
          {messages.send.clear}
        </Button>
      </div>
      <p role="status" className="sr-only">
        {said}
      </p>
    </section>
  );
}

function DraftRow({
  item,
  maxBytes,
  onRemove,
}: {
  readonly item: DraftItem;
  readonly maxBytes: number;
  readonly onRemove: () => void;
}) {
  const { messages, format } = useLanguage();
  const [typed, setTyped] = useState<string | null>(null);
  const name = nameOf(item.path);
  const isTooLarge = item.file.size > maxBytes;
  const rename = () => {
    if (typed !== null && typed !== name) {
      changeDraft({ items: renameItem(draftStore.read().items, item.id, typed) });
    }
    setTyped(null);
  };
  return (
    <li className="flex min-h-14 items-center gap-2 sm:gap-4">
      <div className="flex min-w-0 flex-1 flex-col py-1.5">
        {folderOf(item.path) && <FileName path={folderOf(item.path)} className="-mb-2 text-xs" />}
        <input
          aria-label={messages.send.rename(name)}
          dir="auto"
          value={typed ?? name}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
          onBlur={rename}
          onKeyDown={(event) => {
            if (event.key === 'Enter') event.currentTarget.blur();
            if (event.key === 'Escape') setTyped(null);
          }}
          className="name-start -mx-2 w-[calc(100%+16px)] min-h-11 truncate rounded-sm bg-transparent px-2 hover:bg-cell focus:bg-sheet"
        />
        {isTooLarge && <span className="text-sm text-red-ink">{messages.send.tooLarge(format.size(maxBytes))}</span>}
      </div>
      <span className="tabular shrink-0 text-sm text-ink-soft">{format.size(item.file.size)}</span>
      <IconButton label={messages.send.remove(name)} onClick={onRemove} className="-me-3">
        <X aria-hidden className="size-5" strokeWidth={1.5} />
      </IconButton>
    </li>
  );
}
