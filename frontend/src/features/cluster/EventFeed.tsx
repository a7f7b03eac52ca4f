import {
  ArrowRightLeft,
  ArrowUpFromLine,
  Check,
  Crown,
  LogIn,
  LogOut,
  type LucideIcon,
  Pause,
  RefreshCw,
  ShieldAlert,
  TriangleAlert,
  Unlink,
  Unplug,
  Wrench,
} from 'lucide-react';
import { memo, useState } from 'react';
import type { OperatorEvent, OperatorEventKind } from '../../../../services/contracts/operator.ts';
import { Button } from '../../components/ui/Button.tsx';
import { useLanguage } from '../../messages/language.tsx';
import { factText, sentenceOf, toneOfEvent } from './event-words.ts';
import { shortId, TONE_TEXT } from './node-standing.ts';
import { useAnnouncement } from './use-announcement.ts';
import { IS_DESK, useMedia } from './use-media.ts';

const ICONS: Record<OperatorEventKind, LucideIcon> = {
  joined: LogIn,
  gone: LogOut,
  state_changed: RefreshCw,
  drained: Pause,
  given_up: Unplug,
  elected: Crown,
  attached: ArrowRightLeft,
  in_sync: Check,
  detached: Unlink,
  fenced: ShieldAlert,
  promoted: ArrowUpFromLine,
  repaired: Wrench,
  damaged: TriangleAlert,
};
/** As many as are shown before all are asked for. */
const FEW = { phone: 12, desk: 40 };

/** What happened, newest first. */
export function EventFeed({ events }: { readonly events: readonly OperatorEvent[] }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.events;
  const isDesk = useMedia(IS_DESK);
  const [isAll, setIsAll] = useState(false);
  const announcement = useAnnouncement(events);
  const few = isDesk ? FEW.desk : FEW.phone;
  const shown = isAll ? events : events.slice(0, few);
  return (
    <section aria-labelledby="cluster-events" className="area-events flex min-h-0 min-w-0 flex-col gap-3">
      <h2 id="cluster-events" className="text-lg font-medium">
        {words.title}
      </h2>
      <p role="status" className="sr-only">
        {announcement}
      </p>
      {events.length === 0 ? (
        <p className="text-ink-soft">{words.empty}</p>
      ) : (
        <section aria-label={words.listLabel} tabIndex={isDesk ? 0 : -1} className="fills">
          <ol className="flex flex-col">
            {shown.map((event) => (
              <EventLine key={event.id} event={event} />
            ))}
          </ol>
        </section>
      )}
      {events.length > few && (
        <Button className="self-start" onClick={() => setIsAll(!isAll)}>
          {isAll
            ? messages.cluster.transfers.showFewer
            : messages.cluster.transfers.showAll(format.count(events.length))}
        </Button>
      )}
    </section>
  );
}

const EventLine = memo(function EventLine({ event }: { readonly event: OperatorEvent }) {
  const { messages, format } = useLanguage();
  const Icon = ICONS[event.kind];
  const tone = TONE_TEXT[toneOfEvent(event)];
  const details = [
    ...(event.transferId === null ? [] : [messages.cluster.events.ofTransfer(shortId(event.transferId))]),
    ...event.facts.map((fact) => factText(fact, messages, format)),
  ];
  return (
    <li className="line animate-rise flex gap-3 border-t border-hairline py-2 text-sm">
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${tone || 'text-ink-soft'}`} strokeWidth={1.5} />
      <div className="min-w-0 flex-1">
        <p className={`break-words ${tone}`}>{sentenceOf(event, messages)}</p>
        {details.length > 0 && <p className="break-words text-ink-soft">{details.join(' · ')}</p>}
      </div>
      <time dateTime={event.at} className="tabular shrink-0 text-ink-soft">
        {format.clock(Date.parse(event.at), 'second')}
      </time>
    </li>
  );
});
