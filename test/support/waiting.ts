import { setTimeout as delay } from 'node:timers/promises';

const FIRST_LOOKS_MS = 20;
const LATER_LOOKS_MS = 100;
/** Of the time that was waited already: an answer comes at most so much later than what it is about. */
const LOOK_AFTER_PART = 1 / 20;

/**
 * Waits until the condition gives something truthy and answers that; a condition that throws is not met yet. Looks often
 * at first and then less: a look may be a question to every node of a cluster, and others need the machine meanwhile.
 * @param deadlineMs from now; there it looks for the last time, and then an error names `what` and the last fault
 */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  condition: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const startedMs = performance.now();
  let lastFault: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      lastFault = undefined;
    } catch (fault) {
      lastFault = fault;
    }
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: lastFault });
    const pauseMs = Math.min(Math.max(FIRST_LOOKS_MS, waitedMs * LOOK_AFTER_PART), LATER_LOOKS_MS);
    await delay(Math.min(pauseMs, deadlineMs - waitedMs));
  }
}

/** The promise's value, or an error that names `what` when it does not settle in time. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not within ${deadlineMs} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
