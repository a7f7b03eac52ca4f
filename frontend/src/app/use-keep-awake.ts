import { useEffect, useSyncExternalStore } from 'react';
import { isActive, uploads } from '../transfer-engine/uploads.ts';

/**
 * While bytes move: the screen of a phone stays on where the browser allows it (secure contexts), and closing the page
 * is asked about. Both end with the transfer.
 */
export function useKeepAwake(): void {
  const isBusy = useSyncExternalStore(uploads.subscribe, () => uploads.read().some(isActive));
  useEffect(() => {
    if (!isBusy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    let lock: WakeLockSentinel | null = null;
    let isDone = false;
    const hold = async () => {
      if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
      try {
        const held = await navigator.wakeLock.request('screen');
        if (isDone) void held.release();
        else lock = held;
      } catch {
        // A low battery or a policy says no: the transfer goes on all the same.
      }
    };
    void hold();
    // The browser lets go of the lock whenever the page is hidden.
    document.addEventListener('visibilitychange', hold);
    return () => {
      isDone = true;
      window.removeEventListener('beforeunload', ask);
      document.removeEventListener('visibilitychange', hold);
      void lock?.release();
    };
  }, [isBusy]);
}
