import { useEffect, useSyncExternalStore } from 'react';
import { Button } from '../components/ui/Button.tsx';
import { Notice } from '../components/ui/Notice.tsx';
import { live } from '../lib/live.ts';
import { newerPage, watchForNewerPage } from '../lib/newer-page.ts';
import { reconnectWhenSeen } from '../lib/reconnect-when-seen.ts';
import { removing } from '../lib/removing.ts';
import { savings } from '../lib/savings.ts';
import { useStore } from '../lib/store.ts';
import { useLanguage } from '../messages/language.tsx';
import { isActive } from '../transfer-engine/upload-view.ts';
import { uploads } from '../transfer-engine/uploads.ts';
import { SavingNotices } from './SavingNotices.tsx';

function subscribeToNetwork(listener: () => void): () => void {
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}

/** What concerns the whole page: no network, a socket that gave up, a newer build of the page. Never silence. */
export function Banners() {
  const { messages } = useLanguage();
  const isOnline = useSyncExternalStore(subscribeToNetwork, () => navigator.onLine);
  const liveState = useSyncExternalStore(live.subscribe, live.read);

  const isNewer = useStore(newerPage);
  // While bytes move it can wait: loading anew would stop them.
  const isSending = useSyncExternalStore(uploads.subscribe, () => uploads.read().some(isActive));
  const isBusy = useSyncExternalStore(savings.subscribe, savings.isBusy) || isSending;
  const isPartMissing = useSyncExternalStore(
    uploads.subscribe,
    () => uploads.missingWorkers() > 0 && uploads.read().some((view) => view.phase.name === 'needs_files'),
  );
  useEffect(watchForNewerPage, []);
  useEffect(() => reconnectWhenSeen(live, document), []);

  useEffect(() => {
    uploads.tellAll({ type: isOnline ? 'network_back' : 'network_lost' });
    if (isOnline) void removing.tryAgain();
    if (isOnline && live.read() === 'gave_up') live.reconnect();
  }, [isOnline]);

  return (
    <div className="safe-x sheet-width flex flex-col gap-2 empty:hidden">
      {!isOnline && <Notice tone="waiting" title={messages.banner.offline} />}
      {isOnline && liveState === 'gave_up' && (
        <Notice
          tone="waiting"
          title={messages.banner.liveGaveUp}
          action={<Button onClick={live.reconnect}>{messages.banner.reconnect}</Button>}
        />
      )}
      <SavingNotices />
      <FailedRemovals />
      {isOnline && isPartMissing && !isNewer && (
        <Notice
          tone="loss"
          title={messages.crash.chunkTitle}
          action={<Button onClick={() => window.location.reload()}>{messages.crash.reload}</Button>}
        >
          {messages.crash.chunkText}
        </Notice>
      )}
      {isOnline && isNewer && !isBusy && (
        <Notice
          tone="news"
          title={messages.banner.updated}
          action={<Button onClick={() => window.location.reload()}>{messages.banner.load}</Button>}
        />
      )}
    </div>
  );
}

/** What the server was not told to delete, or would not: it is still there, although it was taken off the page. */
function FailedRemovals() {
  const { messages, format } = useLanguage();
  const [newest, ...others] = useStore(removing);
  if (!newest) return null;
  return (
    <Notice
      tone="loss"
      title={messages.mine.removeFailed(newest.name, others.length, format.count(others.length))}
      action={<Button onClick={() => void removing.tryAgain()}>{messages.mine.tryAgain}</Button>}
    >
      {messages.mine.removeFailedAdvice}
    </Notice>
  );
}
