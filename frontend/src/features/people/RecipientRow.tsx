import { useMemo } from 'react';
import type { Recipient } from '../../../../services/contracts/person.ts';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { useLanguage } from '../../messages/language.tsx';
import { CELL } from '../../transfer-engine/chunk-map.ts';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import { shareReceived } from './direct-view.ts';
import { PersonMark } from './PersonMark.tsx';

const CELL_COUNT = 100;

/** How far one recipient is: a hundred cells for a hundred percent of what is with them. */
export function RecipientRow({
  recipient,
  totalBytes,
  bytesPerSecond,
}: {
  readonly recipient: Recipient;
  readonly totalBytes: number;
  readonly bytesPerSecond: number | null;
}) {
  const { messages, format } = useLanguage();
  const words = messages.people.direct;
  const share = shareReceived(recipient, totalBytes);
  const percent = format.percent(share);
  const isMoving = recipient.state === 'accepted';
  const shownCells = Math.floor(share * CELL_COUNT);
  const cells = useMemo(() => new Uint8Array(CELL_COUNT).fill(CELL.stored, 0, shownCells), [shownCells]);
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
            revision={shownCells}
            isSealed={recipient.state === 'received'}
            label={words.stripOf(recipient.displayName, percent)}
            className="h-2"
          />
        )}
      </div>
    </li>
  );
}
