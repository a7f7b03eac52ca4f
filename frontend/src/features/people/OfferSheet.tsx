import { useState } from 'react';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import { FileName } from '../../components/FileName.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import { removeEmpty } from '../../lib/chosen-file.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { accept, download, placePickerFor, writeTo } from './arrivals.ts';
import { endOf, type OfferEnd } from './inbox.ts';
import { inboxStore } from './inbox-store.ts';
import { PersonMark } from './PersonMark.tsx';

/** Somebody wants to send something: who, what, and two answers of the same size. */
export function OfferSheet({
  item,
  othersCount,
  onLater,
}: {
  readonly item: OfferItem;
  readonly othersCount: number;
  readonly onLater: () => void;
}) {
  const { messages, format } = useLanguage();
  const words = messages.people.offer;
  const { isBusy, fault, take, refuse } = useAnswer(item);
  const end = endOf(item, serverClock.nowMs());
  const picker = placePickerFor(item);
  const isSeveral = item.fileCount > 1;
  if (end) return <OverSheet item={item} end={end} />;
  const where = picker
    ? words[isSeveral ? 'whereFolder' : 'whereAsked']
    : words[isSeveral ? 'whereZip' : 'whereDownloads'];
  return (
    <Sheet title={words.title(item.sender.displayName)} onClose={onLater}>
      <OfferContent item={item} />
      {fault && (
        <Notice tone="loss" title={words.failed}>
          {explainFault(fault, messages, format).title}
        </Notice>
      )}
      <div className="grid grid-cols-2 gap-2">
        <Button size="lg" isBusy={isBusy} onClick={refuse}>
          {words.decline}
        </Button>
        <Button size="lg" variant="primary" isBusy={isBusy} onClick={() => take(picker)}>
          {words.accept}
        </Button>
      </div>
      <p className="text-center text-sm text-ink-soft">{where}</p>
      {picker && isSeveral && (
        <Button variant="quiet" className="self-center" isBusy={isBusy} onClick={() => take(null)}>
          {words.acceptZip}
        </Button>
      )}
      {othersCount > 0 && (
        <p className="text-center text-sm text-ink-soft">{words.others(othersCount, format.count(othersCount))}</p>
      )}
    </Sheet>
  );
}

type Picker = ReturnType<typeof placePickerFor>;

/** The person's answer, on its way or refused. */
function useAnswer(item: OfferItem) {
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  /** Whether the server took it. */
  const arrives = async (answer: Promise<Fault | null>) => {
    setIsBusy(true);
    const refusal = await answer;
    setIsBusy(false);
    setFault(refusal);
    return refusal === null;
  };
  const take = async (choose: Picker) => {
    // The browser's dialog opens only right after the press: the place is chosen first, then the offer accepted.
    const place = choose ? await choose().catch(() => null) : null;
    if (choose && !place) return;
    if (!(await arrives(accept(item)))) {
      if (place?.kind === 'file') await removeEmpty(place);
    } else if (place) void writeTo(item, place);
    else download(item);
  };
  const refuse = async () => {
    if (await arrives(inboxStore.decline(item))) inboxStore.dismiss(item);
  };
  return { isBusy, fault, take: (choose: Picker) => void take(choose), refuse: () => void refuse() };
}

function OfferContent({ item }: { readonly item: OfferItem }) {
  const { messages, format } = useLanguage();
  const words = messages.people.offer;
  const others = item.fileCount - item.files.length;
  const size = item.totalBytes === null ? words.sizeUnknown : format.size(item.totalBytes);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex items-center gap-4">
        <PersonMark id={item.sender.id} className="size-16" />
        {/* Who it is from stands above it. */}
        <p className="tabular text-lg">
          {words.facts(messages.app.files(item.fileCount, format.count(item.fileCount)), size)}
        </p>
      </div>
      <ul
        aria-label={words.filesLabel}
        tabIndex={item.files.length > 4 ? 0 : undefined}
        className="max-h-[30dvh] divide-y divide-hairline overflow-y-auto border-y border-hairline"
      >
        {item.files.map((file) => (
          <li key={file.index} className="flex min-h-11 items-center justify-between gap-4 py-2">
            <FileName path={file.path} isListed />
            <span className="tabular shrink-0 text-sm text-ink-soft">
              {file.sizeBytes === null ? '' : format.size(file.sizeBytes)}
            </span>
          </li>
        ))}
        {others > 0 && <li className="py-2 text-sm text-ink-soft">{words.more(others, format.count(others))}</li>}
      </ul>
    </div>
  );
}

/** What it was about ended before it was answered. */
function OverSheet({ item, end }: { readonly item: OfferItem; readonly end: OfferEnd }) {
  const { messages } = useLanguage();
  const words = messages.people.offer;
  const close = () => inboxStore.dismiss(item);
  const said = words.over[end];
  return (
    <Sheet
      title={typeof said === 'function' ? said(item.sender.displayName) : said}
      description={words.overText[end]}
      onClose={close}
    >
      <Button size="lg" onClick={close}>
        {words.close}
      </Button>
    </Sheet>
  );
}
