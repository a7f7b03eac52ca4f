import type { OfferItem } from '../../../../services/contracts/people.ts';
import { Link } from '../../components/Link.tsx';
import { useStore } from '../../lib/store.ts';
import { useLanguage } from '../../messages/language.tsx';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { arrivalStage, bytesHere } from './arrival-view.ts';
import { arrivalOf, arrivalStore, nameOfOffer } from './arrivals.ts';

/** Something is coming in while another page is looked at: one line at the edge, which leads to it. */
export function ArrivalBar({ item }: { readonly item: OfferItem }) {
  const { messages, format } = useLanguage();
  const own = arrivalOf(useStore(arrivalStore), item.transferId);
  const here = bytesHere(item, own, arrivalStage(item, own, serverClock.nowMs()));
  const share = item.totalBytes ? here / item.totalBytes : 0;
  return (
    <aside
      aria-label={messages.people.arrival.heading}
      className="safe-x pointer-events-none fixed inset-x-0 bottom-[max(16px,env(safe-area-inset-bottom))] z-30 flex justify-center"
    >
      <div className="animate-rise pointer-events-auto flex max-w-full items-center gap-4 rounded-md bg-ink py-1 ps-4 pe-2 text-paper shadow-float">
        <p className="tabular min-w-0 truncate">
          {messages.people.arrival.bar(nameOfOffer(item), format.percent(share))}
        </p>
        <Link
          href="/people"
          className="inline-flex min-h-11 shrink-0 items-center px-2 font-medium underline underline-offset-4"
        >
          {messages.people.arrival.barOpen}
        </Link>
      </div>
    </aside>
  );
}
