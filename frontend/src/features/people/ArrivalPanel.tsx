import { useState } from 'react';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import { TransferName } from '../../components/FileName.tsx';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { StripLegend } from '../../components/strip/StripLegend.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { Formatter } from '../../lib/format.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useTitle } from '../../lib/use-title.ts';
import type { Messages } from '../../messages/en.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import { ArrivalControls } from './ArrivalControls.tsx';
import type { ArrivalStage } from './arrival-view.ts';
import { type Arrival, leave, nameOfOffer } from './arrivals.ts';
import { inboxStore } from './inbox-store.ts';
import { PersonMark } from './PersonMark.tsx';
import { type ArrivalNow, useArrivalNow } from './use-arrival-now.ts';

/** What was accepted, as it comes in. */
export function ArrivalPanel({ item }: { readonly item: OfferItem }) {
  const { messages, format } = useLanguage();
  const words = messages.people.arrival;
  const now = useArrivalNow(item);
  const { own, stage, isOver, share } = now;
  const name = nameOfOffer(item);
  const said = now.isWaiting ? words.waiting(item.sender.displayName) : stageText(stage, item, own, messages, format);
  useTitle(isOver || stage.name === 'ready' ? null : messages.app.titleProgress(format.percent(share), name));
  const panel = useFocusHome<HTMLElement>();
  const leaving = useLeave(item);
  const notLeft = leaving.fault && explainFault(leaving.fault, messages, format);
  return (
    <section
      ref={panel}
      aria-label={words.region(name, item.sender.displayName)}
      className="animate-rise flex flex-col gap-4 border-b border-hairline pb-8"
    >
      <Heading item={item} />
      <Strip now={now} />
      <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <Figures item={item} now={now} said={said} />
        {isOver ? (
          <Button onClick={() => inboxStore.dismiss(item)}>{words.dismiss}</Button>
        ) : (
          <ArrivalControls
            item={item}
            own={own}
            stage={stage}
            panel={panel}
            isLeaving={leaving.isAsking}
            onLeave={leaving.ask}
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

/** Of who stops receiving it: the panel tells when the server did not hear of that. */
function useLeave(item: OfferItem) {
  const [isAsking, setIsAsking] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const ask = async () => {
    setIsAsking(true);
    setFault(await leave(item));
    setIsAsking(false);
  };
  return { isAsking, fault, ask: () => void ask() };
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

function Strip({ now: { strip, stage, share, here, isOver } }: { readonly now: ArrivalNow }) {
  const { messages, format } = useLanguage();
  const words = messages.people.arrival;
  if (!strip || stage.name === 'over') return null;
  return (
    <div className="flex flex-col gap-2">
      <ChunkStrip
        cells={strip.cells}
        revision={strip.revision + here}
        isSealed={stage.name === 'received'}
        label={messages.people.direct.stripOf(words.legendWith, format.percent(share))}
        className="h-10"
      />
      {!isOver && (
        <StripLegend words={{ there: words.legendWith, moving: words.legendWay, waiting: words.legendWaiting }} />
      )}
    </div>
  );
}

function Figures({ item, now, said }: { readonly item: OfferItem; readonly now: ArrivalNow; readonly said: string }) {
  const { messages, format } = useLanguage();
  const { stage, here, share, bytesPerSecond, isOver, isWaiting } = now;
  const isHeldUp = (stage.name === 'offline' && !isWaiting) || stage.name === 'held';
  const isComing = stage.name === 'browser' || stage.name === 'saving';
  return (
    <div className="min-w-0">
      {stage.name !== 'over' && (
        <p className="tabular text-3xl font-semibold tracking-[-0.03em]">{format.percent(share)}</p>
      )}
      <p className={isHeldUp ? 'font-medium text-amber-ink' : isOver ? 'font-medium' : 'text-ink-soft'}>{said}</p>
      <ul className="tabular flex flex-wrap gap-x-5 text-ink-soft">
        {item.totalBytes !== null && (
          <li>{messages.upload.ofTotal(format.size(here), format.size(item.totalBytes))}</li>
        )}
        {isComing && <Pace bytesPerSecond={bytesPerSecond} leftMs={leftMsAt(bytesPerSecond, here, item.totalBytes)} />}
      </ul>
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
