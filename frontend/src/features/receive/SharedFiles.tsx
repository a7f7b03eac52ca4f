import { Download } from 'lucide-react';
import { useId, useState } from 'react';
import type { FileSummary } from '../../../../services/contracts/http.ts';
import { DigestDetails, DigestToggle } from '../../components/DigestProof.tsx';
import { FileName } from '../../components/FileName.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { FIELD_CLASS } from '../../components/ui/Field.tsx';
import { downloadAddress } from '../../lib/api.ts';
import { useLanguage } from '../../messages/language.tsx';

const ROWS_AT_FIRST = 100;
/** A list shorter than this is read quicker than it is searched. */
const SEARCH_FROM = 20;

/** The files of a share, each with a link of its own. */
export function SharedFiles({
  shareId,
  files,
  addressGrant,
  onBegun,
}: {
  readonly shareId: string;
  readonly files: readonly FileSummary[];
  readonly addressGrant: string | null;
  readonly onBegun: () => void;
}) {
  const { messages, format } = useLanguage();
  const [query, setQuery] = useState('');
  const [rowLimit, setRowLimit] = useState(ROWS_AT_FIRST);
  const headingId = useId();
  const wanted = query.trim().toLocaleLowerCase();
  const found = wanted === '' ? files : files.filter((file) => file.path.toLocaleLowerCase().includes(wanted));
  return (
    <section aria-labelledby={headingId} className="flex flex-col gap-3">
      <h2 id={headingId} className="text-sm text-ink-soft">
        {messages.receive.filesTitle}
      </h2>
      {files.length >= SEARCH_FROM && (
        <input
          type="search"
          aria-label={messages.receive.search}
          placeholder={messages.receive.search}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          className={`${FIELD_CLASS} max-w-sm`}
        />
      )}
      <ul className="divide-y divide-hairline border-y border-hairline">
        {found.slice(0, rowLimit).map((file) => (
          <SharedFile
            key={file.index}
            file={file}
            address={downloadAddress(shareId, file.index, addressGrant)}
            onBegun={onBegun}
          />
        ))}
      </ul>
      {found.length > rowLimit && (
        <Button variant="quiet" className="self-start px-0!" onClick={() => setRowLimit(rowLimit + 500)}>
          {messages.upload.showMore(format.count(found.length - rowLimit))}
        </Button>
      )}
    </section>
  );
}

function SharedFile({
  file,
  address,
  onBegun,
}: {
  readonly file: FileSummary;
  readonly address: string;
  readonly onBegun: () => void;
}) {
  const { messages, format } = useLanguage();
  const [isOpen, setIsOpen] = useState(false);
  const name = file.path.slice(file.path.lastIndexOf('/') + 1);
  return (
    <li className="py-1">
      <div className="flex min-h-11 flex-wrap items-center justify-end gap-x-4">
        <FileName path={file.path} isListed className="flex-1 basis-28" />
        <span className="tabular shrink-0 text-sm text-ink-soft">
          {file.sizeBytes === null ? messages.receive.sizeUnknown : format.size(file.sizeBytes)}
        </span>
        {file.digest ? (
          <DigestToggle name={name} isOpen={isOpen} onToggle={() => setIsOpen(!isOpen)} />
        ) : (
          // Its place, while it is still being sent: the sizes stay below each other.
          <span className="w-11 shrink-0" />
        )}
        <a
          href={address}
          download
          onClick={onBegun}
          aria-label={messages.receive.downloadFile(name)}
          title={messages.receive.downloadFile(name)}
          className="-me-3 inline-flex size-11 shrink-0 items-center justify-center rounded-md text-ink-soft hover:bg-cell hover:text-ink"
        >
          <Download aria-hidden className="size-5" strokeWidth={1.5} />
        </a>
      </div>
      {file.digest && isOpen && <DigestDetails name={name} digest={file.digest} />}
    </li>
  );
}
