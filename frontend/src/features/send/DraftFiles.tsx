import { X } from 'lucide-react';
import { useState } from 'react';
import { FileName } from '../../components/FileName.tsx';
import { Button, IconButton } from '../../components/ui/Button.tsx';
import { type DraftItem, folderOf, nameOf, renameItem } from '../../lib/file-list.ts';
import { useLanguage } from '../../messages/language.tsx';
import { changeDraft, draftStore } from './draft-store.ts';

/** More rows would make typing slow long before they helped anyone to read. */
const ROWS_AT_FIRST = 100;

/** What is to be sent: each can be renamed, and taken out again. */
export function DraftFiles({
  items,
  maxBytes,
  onRemove,
}: {
  readonly items: readonly DraftItem[];
  /** Of one file. */
  readonly maxBytes: number;
  readonly onRemove: (item: DraftItem) => void;
}) {
  const { messages, format } = useLanguage();
  const [rowLimit, setRowLimit] = useState(ROWS_AT_FIRST);
  return (
    <ul aria-label={messages.send.listLabel} className="divide-y divide-hairline border-y border-hairline">
      {items.slice(0, rowLimit).map((item) => (
        <DraftRow key={item.id} item={item} maxBytes={maxBytes} onRemove={() => onRemove(item)} />
      ))}
      {items.length > rowLimit && (
        <li className="py-1">
          <Button variant="quiet" className="px-0!" onClick={() => setRowLimit(rowLimit + ROWS_AT_FIRST * 5)}>
            {messages.send.andMore(format.count(items.length - rowLimit))}
          </Button>
        </li>
      )}
    </ul>
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
