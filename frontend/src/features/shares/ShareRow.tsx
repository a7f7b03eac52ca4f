import { CalendarPlus, Trash2 } from 'lucide-react';
import { FileName, NAME_LINK, TransferName } from '../../components/FileName.tsx';
import { Link } from '../../components/Link.tsx';
import { ProgressStrip } from '../../components/strip/ProgressStrip.tsx';
import { IconButton } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { isUsedUp, type ListedTransfer, nameOfTransfer } from '../../lib/listed-transfer.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import type { Messages } from '../../messages/en.ts';
import { useLanguage } from '../../messages/language.tsx';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { isActive } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';

export function ShareRow({
  transfer,
  isSentElsewhere,
  onExtend,
  onRemove,
}: {
  readonly transfer: ListedTransfer;
  /** By another tab of this browser. */
  readonly isSentElsewhere: boolean;
  readonly onExtend: () => void;
  readonly onRemove: () => void;
}) {
  const isEnded = transfer.state === 'ended';
  const row = useFocusHome<HTMLLIElement>();
  return (
    <li ref={row} className="flex flex-col gap-1.5">
      {isEnded ? <div className="h-3 border-b border-hairline" /> : <ProgressStrip transfer={transfer} />}
      <div className="flex flex-wrap items-center gap-x-6 gap-y-1">
        <div className="min-w-0 flex-1 basis-64">
          <Name transfer={transfer} />
          <Facts transfer={transfer} isSentElsewhere={isSentElsewhere} />
        </div>
        {!isEnded && <Actions transfer={transfer} onExtend={onExtend} onRemove={onRemove} />}
      </div>
    </li>
  );
}

/** What goes to somebody directly has no link that anybody else could use. */
function isDirect(transfer: ListedTransfer): boolean {
  return transfer.kind === 'direct';
}

/** Leads to where it can be seen, while there is anything. */
function Name({ transfer }: { readonly transfer: ListedTransfer }) {
  const name = nameOfTransfer(transfer);
  if (transfer.state === 'ended') return <FileName path={name} className="text-ink-soft" />;
  const shown = <TransferName name={name} fileCount={transfer.fileCount} />;
  return isDirect(transfer) ? (
    <Link href="/people" className={NAME_LINK}>
      {shown}
    </Link>
  ) : (
    <a href={transfer.link} className={NAME_LINK}>
      {shown}
    </a>
  );
}

function Facts({
  transfer,
  isSentElsewhere,
}: {
  readonly transfer: ListedTransfer;
  readonly isSentElsewhere: boolean;
}) {
  const { messages, format } = useLanguage();
  const view = useStore(uploads).find((one) => one.transferId === transfer.id);
  const isSending = isSentElsewhere || (view !== undefined && isActive(view));
  return (
    <ul className="tabular flex flex-wrap gap-x-4 text-sm text-ink-soft">
      <li className={transfer.state === 'ended' ? '' : 'font-medium text-ink'}>
        {stateText(transfer, isSending, messages)}
      </li>
      {factsOf(transfer, messages, format).map((fact) => (
        <li key={fact}>{fact}</li>
      ))}
      {view?.phase.name === 'needs_files' && (
        <li>
          <Link
            href={isDirect(transfer) ? '/people' : '/'}
            className="relative -my-3 inline-block py-3 text-ink underline underline-offset-4"
          >
            {messages.upload.goOn}
          </Link>
        </li>
      )}
    </ul>
  );
}

function Actions({
  transfer,
  onExtend,
  onRemove,
}: {
  readonly transfer: ListedTransfer;
  readonly onExtend: () => void;
  readonly onRemove: () => void;
}) {
  const { messages } = useLanguage();
  const name = nameOfTransfer(transfer);
  return (
    <div className="-me-3 flex items-center justify-end max-sm:-ms-0.5 max-sm:grow max-sm:basis-full">
      {!isDirect(transfer) && !isUsedUp(transfer) && (
        <>
          <CopyButton
            variant="quiet"
            text={transfer.link}
            label={messages.mine.copy}
            name={messages.mine.copyOf(name)}
            className="px-3! max-sm:me-auto max-sm:px-0!"
          />
          <IconButton label={messages.mine.extendOf(name)} onClick={onExtend}>
            <CalendarPlus aria-hidden className="size-5" strokeWidth={1.5} />
          </IconButton>
        </>
      )}
      <IconButton label={messages.mine.removeOf(name)} onClick={onRemove}>
        <Trash2 aria-hidden className="size-5" strokeWidth={1.5} />
      </IconButton>
    </div>
  );
}

function stateText(transfer: ListedTransfer, isSending: boolean, messages: Messages): string {
  if (transfer.state === 'sealed') return messages.mine.state[isUsedUp(transfer) ? 'used_up' : 'sealed'];
  if (transfer.state === 'open') return isSending ? messages.mine.state.open : messages.mine.state.unfinished;
  return messages.mine.state[transfer.endReason ?? 'ended'];
}

function factsOf(
  transfer: ListedTransfer,
  messages: Messages,
  format: ReturnType<typeof useLanguage>['format'],
): readonly string[] {
  const { maxDownloads, downloadCount, totalBytes, expiresAt, hasPassword } = transfer;
  const endsAt = format.relative(Date.parse(expiresAt), serverClock.nowMs());
  const downloads =
    maxDownloads === null
      ? messages.mine.downloads(downloadCount, format.count(downloadCount))
      : messages.mine.downloadsLeft(
          format.count(Math.max(0, maxDownloads - downloadCount)),
          maxDownloads,
          format.count(maxDownloads),
        );
  return [
    ...(totalBytes === null ? [] : [format.size(totalBytes)]),
    isDirect(transfer) ? messages.mine.direct : downloads,
    ...(transfer.state === 'ended' || isUsedUp(transfer) ? [] : [messages.mine.ends(endsAt)]),
    ...(hasPassword ? [messages.mine.protected] : []),
  ];
}
