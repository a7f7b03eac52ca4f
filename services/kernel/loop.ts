export interface Loop {
  /** Runs no more, and waits for the turn that is running. */
  stop(): Promise<void>;
}

/** Runs `act` now and then again `everyMs` after each end, never twice at once. A turn that fails is told and tried again. */
export function startLoop(everyMs: number, act: () => Promise<void>, onFault: (fault: unknown) => void): Loop {
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
  turn();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
