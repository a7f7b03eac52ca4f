import { Prisma } from '../../prisma/generated/client.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { startLoop } from '../kernel/loop.ts';
import type { Database } from './database.ts';

/** How late a clock that was set, or a machine that slept, is noticed. */
const ASK_EVERY_MS = 10_000;
/** A busy machine answers late at first: the start does not end there. */
const FIRST_TRIES = 3;
/** How far two machines' clocks may drift apart: far more than any do. */
const DRIFT = 0.0002;
/** From here on the operator is told that the machine's clock is wrong. */
const TOLD_SKEW_MS = 5_000;

export interface ClockLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  debug(details: object, message: string): void;
}

/**
 * "Times by the database's now()", without asking it each time: what all nodes of a cluster agree on, however wrong their
 * machines' clocks are. Between two answers it counts on by the monotonic clock, which nobody can set.
 */
export class DatabaseClock implements Clock {
  readonly #own: Clock;
  /** What is between the database's time and this machine's monotonic clock is known to lie between these. */
  #leastMs = Number.NEGATIVE_INFINITY;
  #mostMs = Number.POSITIVE_INFINITY;
  #learntAtMs = 0;

  constructor(own: Clock = systemClock) {
    this.#own = own;
  }

  /** The machine's own time until the first answer. */
  now(): number {
    if (this.#leastMs === Number.NEGATIVE_INFINITY) return this.#own.now();
    return Math.round(this.#own.monotonicMs() + (this.#leastMs + this.#mostMs) / 2);
  }

  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  /** How far the machine's clock is ahead of the database's; negative: behind. */
  skewMs(): number {
    return this.#own.now() - this.now();
  }

  /**
   * Between question and answer the database's clock said this: an answer that was long on its way says little, and takes
   * nothing away from what is known.
   * @param askedAtMs by the monotonic clock, as answeredAtMs
   */
  learn(toldMs: number, askedAtMs: number, answeredAtMs: number): void {
    const driftMs = (answeredAtMs - this.#learntAtMs) * DRIFT;
    const least = Math.max(this.#leastMs - driftMs, toldMs - answeredAtMs);
    const most = Math.min(this.#mostMs + driftMs, toldMs - askedAtMs);
    // Both cannot be true: the database's clock was set, or this machine slept.
    const isOutdated = least > most;
    this.#leastMs = isOutdated ? toldMs - answeredAtMs : least;
    this.#mostMs = isOutdated ? toldMs - askedAtMs : most;
    this.#learntAtMs = answeredAtMs;
  }
}

export interface OpenClock {
  readonly clock: Clock;
  /** Asks no more. */
  close(): Promise<void>;
}

/**
 * The clock by which this node judges and makes times that others judge or made. An embedded database has no time but this
 * process's own. @throws unavailable
 */
export async function openDatabaseClock(
  database: Pick<Database, 'kind' | 'query'>,
  log: ClockLog,
  own: Clock = systemClock,
): Promise<OpenClock> {
  if (database.kind === 'pglite') return { clock: own, close: async () => undefined };
  const clock = new DatabaseClock(own);
  let isToldWrong = false;
  const ask = async () => {
    const askedAtMs = own.monotonicMs();
    const [row] = await database.query<{ ms: number }>(
      Prisma.sql`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
    );
    if (row === undefined) return;
    clock.learn(row.ms, askedAtMs, own.monotonicMs());
    const skewMs = Math.round(clock.skewMs());
    const isWrong = Math.abs(skewMs) > TOLD_SKEW_MS;
    if (isWrong && !isToldWrong) log.warn({ skewMs }, "this machine's clock is not the database's, which counts");
    if (!isWrong && isToldWrong) log.info({ skewMs }, "this machine's clock is the database's again");
    isToldWrong = isWrong;
  };
  for (let tries = 1; ; tries += 1) {
    try {
      await ask();
      break;
    } catch (fault) {
      if (tries === FIRST_TRIES) throw fault;
    }
  }
  const onFault = (fault: unknown) => log.debug({ err: fault }, 'the database was not asked for the time');
  const loop = startLoop(ASK_EVERY_MS, ask, onFault);
  return { clock, close: () => loop.stop() };
}
