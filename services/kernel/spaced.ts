import { setTimeout as delay } from 'node:timers/promises';

/** Nobody waits longer for their turn. */
const MAX_PAUSE_MS = 1_000;
/** Between two turns it rests this many times as long as the last one took. */
const PAUSE_TIMES = 9;

/**
 * Bounds what many who ask for the same cost all others: it is made for all who wait at once, and a tenth of the time at most
 * goes to it. Nobody is told what was made before they asked.
 * @param make called once at a time; when it fails, everybody who waits is told
 */
export function spaced<T>(make: () => Promise<T>): () => Promise<T> {
  let waiting: Promise<T> | null = null;
  let before: Promise<unknown> = Promise.resolve();
  let restsUntilMs = 0;
  const turn = async (earlier: Promise<unknown>) => {
    await earlier;
    const pauseMs = restsUntilMs - performance.now();
    if (pauseMs > 0) await delay(pauseMs);
    // Who asks from now on is told what is made after this.
    waiting = null;
    const startedMs = performance.now();
    try {
      return await make();
    } finally {
      const tookMs = performance.now() - startedMs;
      restsUntilMs = performance.now() + Math.min(MAX_PAUSE_MS, PAUSE_TIMES * tookMs);
    }
  };
  return () => {
    if (waiting !== null) return waiting;
    const own = turn(before);
    waiting = own;
    before = own.catch(() => undefined);
    return own;
  };
}
