import type { Logger } from 'pino';

/** Work that is tried each second fails each second while a store is away: hours of that would bury everything else. */
const TELL_EVERY_MS = 60_000;
/** Faults that are told apart; messages that name an id would otherwise be remembered for ever. */
const MAX_REMEMBERED = 200;

interface Told {
  readonly atMs: number;
  untold: number;
}

/**
 * Logs faults of background work: each kind (the work and the fault's message) at once and whole, then once a minute while it
 * goes on, with the number of times that were left out.
 * @param nowMs monotonic milliseconds
 */
export function tellFaults(
  log: Pick<Logger, 'warn' | 'debug'>,
  nowMs: () => number,
): (what: string, fault: unknown) => void {
  const told = new Map<string, Told>();
  return (what, fault) => {
    const kind = `${what}: ${fault instanceof Error ? fault.message : String(fault)}`;
    const last = told.get(kind);
    if (last !== undefined && nowMs() - last.atMs < TELL_EVERY_MS) {
      last.untold += 1;
      log.debug({ err: fault, what }, 'background work failed again');
      return;
    }
    if (told.size >= MAX_REMEMBERED) told.clear();
    told.set(kind, { atMs: nowMs(), untold: 0 });
    const untold = last?.untold ?? 0;
    log.warn({ err: fault, what, ...(untold === 0 ? {} : { timesSinceLastTold: untold }) }, 'background work failed');
  };
}
