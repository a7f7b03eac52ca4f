/** Nothing moved for this long: it is asked whether the other node is there. */
const STILL_MS = 1_000;
const LOOK_MS = 250;

export interface ProgressWatch {
  /** Rises while something moves; null while it is not the other node that is waited for. */
  readonly progress: () => number | null;
  /** The row names another node by now: what stands still here waits in vain. Looked at whenever nothing moved. */
  readonly hasLeft: () => boolean;
  /** Asked while nothing moves, one question at a time. */
  readonly isGone: () => Promise<boolean>;
  readonly onGone: () => void;
}

/** Watches a stream from or to another node: a frozen one closes no connection. The returned function ends it. */
export function watchProgress({ progress, hasLeft, isGone, onGone }: ProgressWatch): () => void {
  let last = progress();
  let movedAtMs = performance.now();
  let isAsking = false;
  let hasEnded = false;
  const stop = () => {
    hasEnded = true;
    clearInterval(timer);
  };
  const timer = setInterval(() => {
    const now = progress();
    if (now === null || now !== last) {
      last = now;
      movedAtMs = performance.now();
      return;
    }
    // Where it left to is known now: that the node it left answers, or is still being asked, changes nothing.
    if (hasLeft()) {
      stop();
      onGone();
      return;
    }
    if (isAsking || performance.now() - movedAtMs < STILL_MS) return;
    isAsking = true;
    void isGone()
      .catch(() => false)
      .then((isSo) => {
        isAsking = false;
        // It may have come back while it was asked; and what is alive is asked again only after another second.
        if (isSo && !hasEnded && progress() === now) onGone();
        movedAtMs = performance.now();
      });
  }, LOOK_MS);
  return stop;
}
