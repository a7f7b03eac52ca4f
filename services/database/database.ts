import type { Prisma, PrismaClient } from '../../prisma/generated/client.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { databaseUnavailable, mayRunAgain, toDatabaseFault } from './database-faults.ts';

/** Below the two seconds within which whoever needs the database must have an answer or a 503. */
export const CALL_DEADLINE_MS = 1_900;
/** Callers that may wait for the database at the same time; the next one is told at once that it is unavailable. */
export const MAX_CALLS_IN_FLIGHT = 2_000;
const UP_DEADLINE_MS = 1_000;
/** An embedded database does not disappear unnoticed, so an answer this old still proves that it is there. */
const EMBEDDED_ANSWER_COUNTS_MS = 10_000;
const CLOSE_DEADLINE_MS = 2_000;
const MAX_RUNS = 4;

/** The truth's store, PostgreSQL or PGlite. Every call ends within CALL_DEADLINE_MS and throws only PeerLinkError. */
export interface Database {
  readonly kind: 'pglite' | 'postgresql';
  readonly prisma: PrismaClient;
  /** Whether it answers within a second; embedded, or did within ten and has failed nobody since. Never throws. */
  isUp(): Promise<boolean>;
  /** One statement, one transaction. A statement that got no answer may still take effect later. */
  query<Row>(statement: Prisma.Sql): Promise<Row[]>;
  /** Statements in one transaction, each seeing what was committed before it began; their rows in order. */
  transaction(statements: readonly Prisma.Sql[]): Promise<unknown[][]>;
  /** Refuses further calls and closes the connections, within two seconds. Never throws. */
  close(): Promise<void>;
}

/** Wraps a connected client. `disconnect` closes what is below it. */
export function databaseOf(kind: Database['kind'], prisma: PrismaClient, disconnect: () => Promise<void>): Database {
  let callsInFlight = 0;
  let closing: Promise<void> | undefined;
  let answeredAtMs = Number.NEGATIVE_INFINITY;

  async function ask<T>(work: () => Promise<T>, deadlineMs: number): Promise<T> {
    if (closing !== undefined) throw databaseUnavailable(new Error('closed'));
    if (callsInFlight >= MAX_CALLS_IN_FLIGHT) {
      throw new PeerLinkError('unavailable', 'too many calls wait for the database', { retryAfterSeconds: 1 });
    }
    callsInFlight += 1;
    try {
      const answer = await withDeadline(runAgainOnConflict(work), deadlineMs);
      answeredAtMs = performance.now();
      return answer;
    } catch (fault) {
      answeredAtMs = Number.NEGATIVE_INFINITY;
      throw toDatabaseFault(fault);
    } finally {
      callsInFlight -= 1;
    }
  }

  const hasJustAnswered = () =>
    kind === 'pglite' && closing === undefined && performance.now() - answeredAtMs < EMBEDDED_ANSWER_COUNTS_MS;

  return {
    kind,
    prisma,
    query: <Row>(statement: Prisma.Sql) => ask(() => prisma.$queryRaw<Row[]>(statement), CALL_DEADLINE_MS),
    transaction: (statements) =>
      ask(
        () => prisma.$transaction(statements.map((statement) => prisma.$queryRaw<unknown[]>(statement))),
        CALL_DEADLINE_MS,
      ),
    isUp: async () =>
      hasJustAnswered() ||
      ask(() => prisma.$queryRaw`SELECT 1 AS up`, UP_DEADLINE_MS).then(
        () => true,
        () => false,
      ),
    close() {
      // A frozen server never closes its side; the end of the process closes what is left.
      closing ??= withDeadline(disconnect(), CLOSE_DEADLINE_MS).catch(() => undefined);
      return closing;
    },
  };
}

async function runAgainOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let run = 1; ; run += 1) {
    try {
      return await work();
    } catch (fault) {
      if (run === MAX_RUNS || !mayRunAgain(fault)) throw fault;
    }
  }
}

function withDeadline<T>(promise: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(databaseUnavailable(new Error(`no answer within ${deadlineMs} ms`))),
      deadlineMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
