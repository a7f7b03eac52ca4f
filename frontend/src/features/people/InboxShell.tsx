import { useEffect, useState, useSyncExternalStore } from 'react';
import { buttonClass } from '../../components/ui/Button.tsx';
import { arriving } from '../../lib/arriving.ts';
import { useStore } from '../../lib/store.ts';
import { useUrgentTitle } from '../../lib/use-title.ts';
import { useLanguage } from '../../messages/language.tsx';
import { ArrivalBar } from './ArrivalBar.tsx';
import { isMovingArrival } from './arrival-view.ts';
import { arrivalOf, arrivalStore } from './arrivals.ts';
import { followDirectSends } from './direct-sends.ts';
import { arrivalItems, isOpenOffer, waitingItems } from './inbox.ts';
import { inboxStore } from './inbox-store.ts';
import { OfferSheet } from './OfferSheet.tsx';
import { TextSheet } from './TextSheet.tsx';

function subscribeToVisibility(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

/** What somebody sent appears on whatever page is open: one after the other, the oldest first. */
export function InboxShell({ isOnPeople }: { readonly isOnPeople: boolean }) {
  const { messages, format } = useLanguage();
  const items = useStore(inboxStore);
  const arrivals = useStore(arrivalStore);
  const [postponed, setPostponed] = useState<ReadonlySet<string>>(new Set());
  const [shownId, setShownId] = useState<string | null>(null);
  const isHidden = useSyncExternalStore(subscribeToVisibility, () => document.hidden);
  useEffect(() => inboxStore.open(), []);
  useEffect(() => followDirectSends(), []);

  const moving = arrivalItems(items).filter((item) => isMovingArrival(item, arrivalOf(arrivals, item.transferId)));
  useEffect(() => {
    arriving.change((before) => (before.moving === moving.length ? before : { ...before, moving: moving.length }));
  }, [moving.length]);

  const waiting = waitingItems(items);
  const asked = waiting.filter((item) => !postponed.has(item.id));
  // What is on the screen stays there when it ends meanwhile, so that it can be said.
  const shown =
    items.find((item) => item.id === shownId && (item.kind === 'text' || item.state === 'offered')) ?? asked[0] ?? null;
  const nextId = shown?.id ?? null;
  if (nextId !== shownId) setShownId(nextId);

  const first = waiting[0];
  useUrgentTitle(isHidden && first ? messages.people.offer.titleWaiting(first.sender.displayName) : null);
  const later = (id: string) => {
    setPostponed((before) => new Set(before).add(id));
    setShownId(null);
  };
  const put = waiting.filter((item) => postponed.has(item.id));
  return (
    <>
      {shown?.kind === 'offer' && (
        <OfferSheet
          key={shown.id}
          item={shown}
          othersCount={asked.filter((item) => item.id !== shown.id && isOpenOffer(item)).length}
          onLater={() => later(shown.id)}
        />
      )}
      {shown?.kind === 'text' && <TextSheet key={shown.id} item={shown} onLater={() => later(shown.id)} />}
      {!shown && put.length > 0 && (
        <div className="safe-x pointer-events-none fixed inset-x-0 bottom-[max(16px,env(safe-area-inset-bottom))] z-30 flex justify-center">
          <button
            type="button"
            className={`${buttonClass('secondary')} pointer-events-auto shadow-float`}
            onClick={() => setPostponed(new Set())}
          >
            {messages.people.offer.openWaiting(put.length, format.count(put.length))}
          </button>
        </div>
      )}
      {!shown && put.length === 0 && !isOnPeople && moving[0] && <ArrivalBar item={moving[0]} />}
    </>
  );
}
