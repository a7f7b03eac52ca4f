import { type ListedTransfer, nameOfTransfer } from '../lib/listed-transfer.ts';
import { useLanguage } from '../messages/language.tsx';
import { serverClock } from '../transfer-engine/server-clock.ts';
import { NAME_LINK, TransferName } from './FileName.tsx';
import { ProgressStrip } from './strip/ProgressStrip.tsx';
import { CopyButton } from './ui/CopyButton.tsx';

/** A transfer in a list: its strip, its name, which leads to it, how long it lives, its link. */
export function TransferLine({ transfer }: { readonly transfer: ListedTransfer }) {
  const { messages, format } = useLanguage();
  const name = nameOfTransfer(transfer);
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <ProgressStrip transfer={transfer} />
      <div className="flex flex-wrap items-center gap-x-4">
        <div className="min-w-0 flex-1 basis-40">
          <a href={transfer.link} className={NAME_LINK}>
            <TransferName name={name} fileCount={transfer.fileCount} />
          </a>
          <p className="tabular truncate text-sm text-ink-soft">
            {transfer.totalBytes !== null && `${format.size(transfer.totalBytes)} · `}
            {messages.mine.ends(format.relative(Date.parse(transfer.expiresAt), serverClock.nowMs()))}
          </p>
        </div>
        <CopyButton
          variant="quiet"
          text={transfer.link}
          label={messages.mine.copy}
          name={messages.mine.copyOf(name)}
          className="px-0!"
        />
      </div>
    </div>
  );
}
