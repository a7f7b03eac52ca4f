import { Download, X } from 'lucide-react';
import { type RefObject, useEffect, useState, useSyncExternalStore } from 'react';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import { TransferName } from '../../components/FileName.tsx';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { StripLegend } from '../../components/strip/StripLegend.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { ConfirmSheet } from '../../components/ui/ConfirmSheet.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { Formatter } from '../../lib/format.ts';
import { live } from '../../lib/live.ts';
import { askUntilGranted } from '../../lib/retry.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useRate } from '../../lib/use-rate.ts';
import { useTitle } from '../../lib/use-title.ts';
import { waitsForSender } from '../../lib/waits-for-sender.ts';
import type { Messages } from '../../messages/en.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { type ArrivalStage, arrivalStage, bytesHere } from './arrival-view.ts';
import {
  type Arrival,
  accept,
  arrivalOf,
  arrivalStore,
  download,
  leave,
  nameOfOffer,
  placePickerFor,
  writeTo,
} from './arrivals.ts';
import { inboxStore } from './inbox-store.ts';
import { PersonMark } from './PersonMark.tsx';
import { useArrivalStrip } from './use-arrival.ts';

/** What was accepted, as it comes in. */
export function ArrivalPanel({ item }: { readonly item: OfferItem }) {
  const { messages, format } = useLanguage();
  const own = arrivalOf(useStore(arrivalStore), item.transferId);
  const stage = arrivalStage(item, own, serverClock.nowMs());
  const here = bytesHere(item, own, stage);
  const isOver = stage.name === 'received' || stage.name === 'over';
  const strip = useArrivalStrip(item, own.accepted, here);
  useRightToRead(item, own, isOver);
  const measured = useRate(here, stage.name === 'browser');
  const rate = stage.name === 'browser' ? measured : own.bytesPerSecond;
  const share = shareHere(item, here, stage);
  const percent = format.percent(share);
  const name = nameOfOffer(item);
  const words = messages.people.arrival;
  const isHeard = useSyncExternalStore(live.subscribe, live.read) === 'connected';
  const isWaiting = waitsForSender(stage, here, strip?.readyBytes ?? null, isHeard);
  const said = isWaiting ? words.waiting(item.sender.displayName) : stageText(stage, item, own, messages, format);
  useTitle(isOver || stage.name === 'ready' ? null : messages.app.titleProgress(percent, name));
  const panel = useFocusHome<HTMLElement>();
  const [isLeaving, setIsLeaving] = useState(false);
  const [leaveFault, setLeaveFault] = useState<Fault | null>(null);
  const notLeft = leaveFault && explainFault(leaveFault, messages, format);
  const stop = async () => {
    setIsLeaving(true);
    setLeaveFault(await leave(item));
    setIsLeaving(false);
  };
  const isComing = stage.name === 'browser' || stage.name === 'saving';
  return (
    <section
      ref={panel}
      aria-label={words.region(name, item.sender.displayName)}
      className="animate-rise flex flex-col gap-4 border-b border-hairline pb-8"
    >
      <Heading item={item} />
      {strip && stage.name !== 'over' && (
        <div className="flex flex-col gap-2">
          <ChunkStrip
            cells={strip.cells}
            revision={strip.revision + here}
            isSealed={stage.name === 'received'}
            label={messages.people.direct.stripOf(words.legendWith, percent)}
            className="h-10"
          />
          {!isOver && (
            <StripLegend words={{ there: words.legendWith, moving: words.legendWay, waiting: words.legendWaiting }} />
          )}
        </div>
      )}
      <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <div className="min-w-0">
          {stage.name !== 'over' && <p className="tabular text-3xl font-semibold tracking-[-0.03em]">{percent}</p>}
          <p
            className={
              (stage.name === 'offline' && !isWaiting) || stage.name === 'held'
                ? 'font-medium text-amber-ink'
                : isOver
                  ? 'font-medium'
                  : 'text-ink-soft'
            }
          >
            {said}
          </p>
          <ul className="tabular flex flex-wrap gap-x-5 text-ink-soft">
            {item.totalBytes !== null && (
              <li>{messages.upload.ofTotal(format.size(here), format.size(item.totalBytes))}</li>
            )}
            {isComing && <Pace bytesPerSecond={rate} leftMs={leftMsAt(rate, here, item.totalBytes)} />}
          </ul>
        </div>
        {isOver ? (
          <Button onClick={() => inboxStore.dismiss(item)}>{words.dismiss}</Button>
        ) : (
          <Controls
            item={item}
            own={own}
            stage={stage}
            panel={panel}
            isLeaving={isLeaving}
            onLeave={() => void stop()}
          />
        )}
      </div>
      {notLeft && (
        <Notice tone="loss" title={words.leaveFailed}>
          {notLeft.title}. {notLeft.advice}
        </Notice>
      )}
      <Explanation own={own} stage={stage} />
      <p role="status" className="sr-only">
        {words.announce(said, format.percent(Math.floor(share * 4) / 4))}
      </p>
    </section>
  );
}

function shareHere(item: OfferItem, here: number, stage: ArrivalStage): number {
  if (stage.name === 'received') return 1;
  return item.totalBytes ? Math.min(1, here / item.totalBytes) : 0;
}

function stageText(
  stage: ArrivalStage,
  item: OfferItem,
  { phase }: Arrival,
  messages: Messages,
  format: Formatter,
): string {
  const words = messages.people.arrival;
  if (stage.name === 'held') {
    return phase?.name === 'waiting' ? words.held(explainFault(phase.fault, messages, format, true).title) : '';
  }
  if (stage.name !== 'over') return words[stage.name];
  const said = words.over[stage.end];
  return typeof said === 'function' ? said(item.sender.displayName) : said;
}

function Heading({ item }: { readonly item: OfferItem }) {
  const { messages } = useLanguage();
  return (
    <div className="flex items-center gap-3">
      <PersonMark id={item.sender.id} className="size-12" />
      <div className="min-w-0">
        <h3 className="text-lg font-medium">
          <TransferName name={nameOfOffer(item)} fileCount={item.fileCount} />
        </h3>
        <p className="truncate text-ink-soft">{messages.people.arrival.from(item.sender.displayName)}</p>
      </div>
    </div>
  );
}

/** When it is over, one button takes their place, and the focus. */
function Controls({
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

function Explanation({ own, stage }: { readonly own: Arrival; readonly stage: ArrivalStage }) {
  const { messages, format } = useLanguage();
  const words = messages.people.arrival;
  if (stage.name === 'over') return <p className="text-ink-soft">{words.overText}</p>;
  if (own.isRefused) {
    return (
      <Notice tone="loss" title={words.refused}>
        {words.refusedText}
      </Notice>
    );
  }
  if (stage.name === 'ready') return <p className="text-ink-soft">{words.readyText}</p>;
  if (stage.name !== 'stopped' || own.phase?.name !== 'failed') return null;
  const { title, advice } = explainFault(own.phase.fault, messages, format);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}

/** After a reload the right to read is asked for again, until it is there: without it there is no button to go on with. */
function useRightToRead(item: OfferItem, own: Arrival, isOver: boolean): void {
  const isMissing = own.accepted === null && !isOver;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for once for each transfer
  useEffect(() => {
    return isMissing ? askUntilGranted(() => accept(item)) : undefined;
  }, [isMissing, item.transferId]);
}
