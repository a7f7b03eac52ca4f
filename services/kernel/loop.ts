export interface Loop {
  /** Runs no more, and waits for the turn that is running. */
  stop(): Promise<void>;
}

/**
 * Runs `act` now, or at first after `firstAfterMs`, and then again `everyMs` after each end, never twice at once. A turn that
 * fails is told and tried again.
 */
export function startLoop(
  everyMs: number,
  act: () => Promise<void>,
  onFault: (fault: unknown) => void,
  { firstAfterMs = 0 } = {},
): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const turn = (): void => {
    running = act()
      .catch(onFault)
      .then(() => {
        if (!isStopped) timer = setTimeout(turn, everyMs).unref();
      });
  };
  if (firstAfterMs === 0) turn();
  else timer = setTimeout(turn, firstAfterMs).unref();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
