/** When a request of the page's own is sent once more. Every one of them may be: the protocol says what that does. */
import { backoffMs } from '../transfer-engine/backoff.ts';
import { type Fault, remedyFor } from '../transfer-engine/fault.ts';

/** A node that died is replaced, and a proxy finds the next one, well within this. */
const MOST_TRIES = 4;
/** A server that asks for longer has more to say than that a node went away. */
const MOST_PATIENCE_MS = 2_000;
/** Of a standing wish, where the server names no time. */
const ASK_AGAIN_MS = 2_000;

/**
 * How long to wait before the next try; null: this answer is the one to show.
 * @param tries so far, this one included
 */
export function nextTryInMs(fault: Fault, tries: number, random: () => number): number | null {
  if (tries >= MOST_TRIES || !isPassing(fault)) return null;
  const askedMs = fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0;
  return askedMs > MOST_PATIENCE_MS ? null : Math.max(askedMs, backoffMs(tries - 1, random));
}

/** A line that broke, and a node that leaves or stands alone: another one answers in a moment. */
function isPassing(fault: Fault): boolean {
  if (fault.kind === 'network') return true;
  return fault.kind === 'problem' && (fault.type === 'unavailable' || fault.type === 'draining');
}

/**
 * Asks until it is granted, or refused for good. @returns ends it
 * @param ask answers null when it was granted
 */
export function askUntilGranted(ask: () => Promise<Fault | null>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const turn = async () => {
    const fault = await ask();
    const waitMs = fault && askAgainInMs(fault);
    if (!isOver && waitMs !== null) timer = setTimeout(() => void turn(), waitMs);
  };
  void turn();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** When something that is wanted for as long as the page shows it is asked for again; null: it will not be granted. */
export function askAgainInMs(fault: Fault): number | null {
  const remedy = remedyFor(fault);
  if (remedy !== 'reconnect' && remedy !== 'wait' && remedy !== 'retry') return null;
  return Math.max(ASK_AGAIN_MS, fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0);
}
