/** Bytes of the first runs, before anything is known of the line: quick to answer, quick to grow. */
export const FIRST_RUN_BYTES = 2 * 1024 * 1024;
/** How long one run should take: long enough to cost little, short enough that a cut costs little. */
const AIM_MS = 1_500;
const GROWTH_LIMIT = 4;

/**
 * The size of the next runs after one of `sizeBytes` took `tookMs`. Fast lines reach `maxRunBytes` after one answer,
 * slow ones send single chunks, so that six connections never hold the page's own requests up for long.
 */
export function nextRunBytes(currentBytes: number, sizeBytes: number, tookMs: number, maxRunBytes: number): number {
  const affordable = (sizeBytes / Math.max(tookMs, 1)) * AIM_MS;
  // A short last run says little about the line: it may not shrink what longer ones have earned.
  if (sizeBytes * 2 <= currentBytes && affordable < currentBytes) return currentBytes;
  const bounded = Math.min(affordable, currentBytes * GROWTH_LIMIT, maxRunBytes);
  return Math.max(1, Math.floor(Math.max(bounded, currentBytes / 2)));
}
