import { useEffect, useSyncExternalStore } from 'react';
import { arriving } from '../lib/arriving.ts';
import { savings } from '../lib/savings.ts';
import { isActive, isHeld } from '../transfer-engine/upload-view.ts';
import { uploads } from '../transfer-engine/uploads.ts';

/**
 * While bytes move: the screen of a phone stays on where the browser allows it (secure contexts), and closing the page
 * is asked about, also while an upload is paused. Both end with the transfer. An offer that waits for its answer keeps
 * nobody awake.
 */
export function useKeepAwake(): void {
  const isMoving = useSyncExternalStore(
    subscribe,
    () =>
      uploads.read().some((view) => isActive(view) && view.phase.name !== 'asking') ||
      arriving.read().moving > 0 ||
      savings.isBusy(),
  );
  const isTiedToPage = useSyncExternalStore(
    subscribe,
    () => uploads.read().some(isHeld) || arriving.read().written > 0 || savings.isBusy(),
  );
  useEffect(() => {
    if (!isTiedToPage) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isTiedToPage]);
  useEffect(() => (isMoving ? keepScreenOn() : undefined), [isMoving]);
}

function subscribe(listener: () => void): () => void {
  const ends = [uploads.subscribe(listener), arriving.subscribe(listener), savings.subscribe(listener)];
  return () => {
    for (const end of ends) end();
  };
}

function keepScreenOn(): () => void {
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
    document.removeEventListener('visibilitychange', hold);
    void lock?.release();
  };
}
