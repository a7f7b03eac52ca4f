import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 20;

/**
 * Waits until the condition gives something truthy and answers that; a condition that throws is not met yet.
 * @param deadlineMs from now; past it an error names `what` and the last fault
 */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  condition: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  let lastFault: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      lastFault = undefined;
    } catch (fault) {
      lastFault = fault;
    }
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: lastFault });
    await delay(LOOK_EVERY_MS);
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
