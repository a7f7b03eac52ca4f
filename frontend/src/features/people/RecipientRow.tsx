import { useMemo } from 'react';
import type { Recipient } from '../../../../services/contracts/person.ts';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { cellsWithReader } from '../../lib/chunk-cells.ts';
import { useLanguage } from '../../messages/language.tsx';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { shareReceived } from './direct-view.ts';
import { PersonMark } from './PersonMark.tsx';

/** How far one recipient is, on the same strip that they see: what is with them, what is on the way, what waits. */
export function RecipientRow({
  recipient,
  view,
  bytesPerSecond,
}: {
  readonly recipient: Recipient;
  readonly view: UploadView;
  readonly bytesPerSecond: number | null;
}) {
  const { messages, format } = useLanguage();
  const words = messages.people.direct;
  const { totalBytes } = view;
  const share = shareReceived(recipient, totalBytes);
  const percent = format.percent(share);
  const isMoving = recipient.state === 'accepted';
  // biome-ignore lint/correctness/useExhaustiveDependencies: cells change in place, the revision stands for them
  const cells = useMemo(
    () => cellsWithReader(view.cells, view.files, recipient.receivedBytes),
    [view.cells, view.revision, view.files, recipient.receivedBytes],
  );
  return (
    <li className="flex items-center gap-3">
      <PersonMark id={recipient.id} className="size-10" />
      <div className="flex min-w-0 flex-1 flex-col gap-1">
        <div className="flex flex-wrap items-baseline justify-between gap-x-5">
          <p dir="auto" className="name-start min-w-0 truncate">
            {recipient.displayName}
          </p>
          <ul className="tabular flex flex-wrap gap-x-4 text-sm text-ink-soft">
            <li className={recipient.state === 'received' ? 'font-medium text-ink' : ''}>
              {words.person[recipient.state]}
            </li>
            {isMoving && <li>{percent}</li>}
            {isMoving && (
              <Pace
                bytesPerSecond={bytesPerSecond}
                leftMs={leftMsAt(bytesPerSecond, recipient.receivedBytes, totalBytes)}
              />
            )}
          </ul>
        </div>
        {(isMoving || recipient.state === 'received') && (
          <ChunkStrip
            cells={cells}
            revision={view.revision}
            isSealed={recipient.state === 'received'}
            label={words.stripOf(recipient.displayName, percent)}
            className="h-2"
          />
        )}
      </div>
    </li>
  );
}
