import { FileName } from '../../components/FileName.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { type DraftItem, totalBytesOf } from '../../lib/file-list.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { shareMoved } from '../../transfer-engine/upload-view.ts';
import { showUpload } from './draft-store.ts';
import { UnfinishedPanel } from './UnfinishedPanel.tsx';
import { titleOf } from './UploadPanel.tsx';

/** Uploads of earlier visits that wait for their files. */
export function UnfinishedUploads({ views }: { readonly views: readonly UploadView[] }) {
  if (views.length === 0) return null;
  return (
    <div className="flex flex-col gap-14 pt-8 pb-6">
      {views.map((view) => (
        <UnfinishedPanel key={view.transferId} view={view} />
      ))}
    </div>
  );
}

/** Uploads that run beside the one in full view. */
export function OtherUploads({ views }: { readonly views: readonly UploadView[] }) {
  if (views.length === 0) return null;
  return (
    <div className="flex flex-col gap-12 pt-14">
      {views.map((view) => (
        <UploadLine key={view.transferId} view={view} />
      ))}
    </div>
  );
}

/** Files that wait while an upload is in full view. */
export function WaitingDraft({ items }: { readonly items: readonly DraftItem[] }) {
  const { messages, format } = useLanguage();
  return (
    <section
      aria-label={messages.send.notSent}
      className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 pt-14"
    >
      <h2 className="tabular">
        {messages.send.listTitle(items.length, format.count(items.length), format.size(totalBytesOf(items)))}
      </h2>
      <div className="flex items-center gap-4">
        <p className="text-ink-soft">{messages.send.notSent}</p>
        <Button onClick={() => showUpload(null)}>{messages.mine.open}</Button>
      </div>
    </section>
  );
}

function UploadLine({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const name = titleOf(view);
  return (
    <section aria-label={messages.upload.region(name)} className="flex flex-col gap-3">
      {/* Some states take a sentence to say: it gets a line of its own where the name would have no room beside it. */}
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
        <h2 className="min-w-0 flex-1 basis-48">
          <FileName path={name} />
        </h2>
        <div className="flex min-w-0 items-center gap-4 max-sm:grow max-sm:justify-between">
          <p className="tabular text-ink-soft">
            {messages.upload.announce(messages.upload.phase[view.phase.name], format.percent(shareMoved(view)))}
          </p>
          <Button className="shrink-0" onClick={() => showUpload(view.transferId)}>
            {messages.mine.open}
          </Button>
        </div>
      </div>
      <ChunkStrip cells={view.cells} revision={view.revision} isSealed={view.phase.name === 'sealed'} className="h-8" />
    </section>
  );
}
