/**
 * Exponential backoff with full upper-half jitter: between half and all of `baseMs x 2^attempt`, capped. The jitter
 * keeps a thousand pages from knocking in the same instant when a server comes back.
 */
export function backoffMs(attempt: number, random: () => number, baseMs = 250, capMs = 5_000): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 16));
  return Math.round(full / 2 + (full / 2) * random());
}
