import { Check } from 'lucide-react';
import { useState } from 'react';
import { DigestDetails, DigestToggle } from '../../components/DigestProof.tsx';
import { FileName } from '../../components/FileName.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { nameOf } from '../../lib/file-list.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { shareMovedOfFile } from '../../transfer-engine/upload-view.ts';

const ROWS_AT_FIRST = 50;

/** Each file of a transfer of several, with its own progress, and its digest when it is sealed. */
export function UploadFiles({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const [rowLimit, setRowLimit] = useState(ROWS_AT_FIRST);
  if (view.files.length < 2) return null;
  return (
    <section className="flex flex-col gap-2">
      <h2 className="text-sm text-ink-soft">{messages.upload.filesTitle}</h2>
      <ul className="divide-y divide-hairline border-y border-hairline">
        {view.files.slice(0, rowLimit).map((file, index) => (
          <FileRow key={file.path} view={view} index={index} />
        ))}
      </ul>
      {view.files.length > rowLimit && (
        <Button variant="quiet" className="self-start px-0!" onClick={() => setRowLimit(rowLimit + 500)}>
          {messages.upload.showMore(format.count(view.files.length - rowLimit))}
        </Button>
      )}
    </section>
  );
}

function FileRow({ view, index }: { readonly view: UploadView; readonly index: number }) {
  const { messages, format } = useLanguage();
  const [isOpen, setIsOpen] = useState(false);
  const file = view.files[index];
  if (!file) return null;
  const isStored = (view.storedBytesByFile[index] ?? 0) >= file.sizeBytes;
  const digest = view.digests[index];
  const name = nameOf(file.path);
  return (
    <li>
      <div className="flex min-h-12 flex-wrap items-center justify-end gap-x-4">
        <FileName path={file.path} isListed className="my-1.5 flex-1 basis-28" />
        <span className="tabular shrink-0 text-sm text-ink-soft">{format.size(file.sizeBytes)}</span>
        <span className="tabular flex w-14 shrink-0 justify-end text-sm text-ink-soft">
          {isStored ? (
            <Check aria-label={messages.upload.fileStored} className="size-5 text-ink" strokeWidth={1.5} />
          ) : (
            messages.upload.fileProgress(format.percent(shareMovedOfFile(view, index)))
          )}
        </span>
        {digest && <DigestToggle name={name} isOpen={isOpen} onToggle={() => setIsOpen(!isOpen)} className="-me-3" />}
      </div>
      {digest && isOpen && <DigestDetails name={name} digest={digest} />}
    </li>
  );
}
