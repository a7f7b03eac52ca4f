import { Download, X } from 'lucide-react';
import { type RefObject, useState } from 'react';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import { Button } from '../../components/ui/Button.tsx';
import { ConfirmSheet } from '../../components/ui/ConfirmSheet.tsx';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { ArrivalStage } from './arrival-view.ts';
import { type Arrival, download, placePickerFor, writeTo } from './arrivals.ts';

/** What can be done about something that comes in. When it is over, one button takes their place, and the focus. */
export function ArrivalControls({
  item,
  own,
  stage,
  panel,
  isLeaving,
  onLeave,
}: {
  readonly item: OfferItem;
  readonly own: Arrival;
  readonly stage: ArrivalStage;
  readonly panel: RefObject<HTMLElement | null>;
  readonly isLeaving: boolean;
  readonly onLeave: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.people.arrival;
  const [isAsking, setIsAsking] = useState(false);
  const picker = placePickerFor(item);
  const row = useFocusHome<HTMLDivElement>(() => panel.current?.querySelector('button') ?? null);
  const canBegin = own.accepted !== null && ['ready', 'stopped', 'browser'].includes(stage.name);
  const save = async () => {
    const place = await picker?.().catch(() => null);
    if (place) await writeTo(item, place);
  };
  return (
    <div ref={row} className="flex flex-wrap gap-2 max-sm:w-full">
      {canBegin && stage.name !== 'browser' && picker && (
        <Button variant="primary" className="max-sm:flex-1" onClick={() => void save()}>
          {item.fileCount > 1 ? words.saveFolder : words.saveAs}
        </Button>
      )}
      {canBegin && (
        <Button
          variant={picker || stage.name === 'browser' ? 'secondary' : 'primary'}
          className="max-sm:flex-1"
          onClick={() => download(item)}
        >
          <Download aria-hidden className="size-5" strokeWidth={1.5} />
          {item.fileCount > 1 ? words.downloadZip : words.download}
        </Button>
      )}
      <Button variant="danger" className="max-sm:flex-1" isBusy={isLeaving} onClick={() => setIsAsking(true)}>
        <X aria-hidden className="size-5" strokeWidth={1.5} />
        {words.leave}
      </Button>
      {isAsking && (
        <ConfirmSheet
          title={words.leaveTitle}
          text={words.leaveText(item.sender.displayName)}
          yes={words.leaveYes}
          no={words.leaveNo}
          onYes={() => {
            setIsAsking(false);
            onLeave();
          }}
          onClose={() => setIsAsking(false)}
        />
      )}
    </div>
  );
}
