/**
 * Whether the server has a newer build of this page. A page may stay open for weeks while its server is updated; it is
 * told, and loads anew when the person says so, never by itself.
 */

import { uploads } from '../transfer-engine/uploads.ts';
import { live } from './live.ts';
import { entryOf } from './page-entry.ts';
import { createStore } from './store.ts';

/** Somebody who comes back to the page after this long may come back to another server. */
const LOOK_AGAIN_MS = 60 * 60_000;
const LOOK_TIMEOUT_MS = 10_000;

export const newerPage = createStore(false);

async function look(): Promise<void> {
  const own = document.querySelector('script[type="module"][src]')?.getAttribute('src');
  if (!own || newerPage.read()) return;
  try {
    const answer = await fetch('/', {
      // Who does not ask for a page is told how to send with curl.
      headers: { accept: 'text/html' },
      cache: 'no-cache',
      signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
    });
    const there = answer.ok ? entryOf(await answer.text()) : null;
    if (there !== null && there !== own) newerPage.change(() => true);
  } catch {
    // Not reachable: nothing is known, and the next look comes.
  }
}

/**
 * Looks when the live connection comes back, as it does after an update, when the page was away for long, and when a
 * part of it did not load.
 */
export function watchForNewerPage(): () => void {
  let wasConnected = false;
  let lookedAtMs = performance.now();
  const lookNow = () => {
    lookedAtMs = performance.now();
    void look();
  };
  const ended = live.subscribe(() => {
    if (live.read() !== 'connected') return;
    if (wasConnected) lookNow();
    wasConnected = true;
  });
  let missing = uploads.missingWorkers();
  const missed = uploads.subscribe(() => {
    const before = missing;
    missing = uploads.missingWorkers();
    if (missing > before) lookNow();
  });
  const seen = () => {
    if (document.visibilityState === 'visible' && performance.now() - lookedAtMs > LOOK_AGAIN_MS) lookNow();
  };
  document.addEventListener('visibilitychange', seen);
  return () => {
    ended();
    missed();
    document.removeEventListener('visibilitychange', seen);
  };
}
