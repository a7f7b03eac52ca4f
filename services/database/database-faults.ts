import { PeerLinkError } from '../contracts/errors.ts';

/** SQLSTATE classes that are defects of our statements: bad data, one row changed twice, broken constraint, bad SQL. */
const OUR_OWN_FAULTS = new Set(['21', '22', '23', '42']);
/** Serialization failure and deadlock: the database undid the transaction, which may be run again at once. */
const RUN_AGAIN = new Set(['40001', '40P01']);
const MAX_CAUSE_DEPTH = 8;

/** The SQLSTATE somewhere inside a fault of Prisma, its adapters, pg or PGlite; undefined when there is none. */
export function sqlStateOf(fault: unknown): string | undefined {
  let current = fault;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH && isRecord(current); depth += 1) {
    for (const found of [current.originalCode, current.code]) {
      if (typeof found === 'string' && /^[0-9A-Z]{5}$/.test(found) && !/^P\d{4}$/.test(found)) return found;
    }
    const meta = current.meta;
    current = isRecord(meta) && meta.driverAdapterError !== undefined ? meta.driverAdapterError : current.cause;
  }
  return undefined;
}

export function mayRunAgain(fault: unknown): boolean {
  // Prisma's own code for a deadlock or write conflict is P2034.
  if (isRecord(fault) && fault.code === 'P2034') return true;
  return RUN_AGAIN.has(sqlStateOf(fault) ?? '');
}

/** What leaves the database layer: `unavailable`, or `internal` for faults of our own. The driver's text is only the cause. */
export function toDatabaseFault(fault: unknown): PeerLinkError {
  if (fault instanceof PeerLinkError) return fault;
  if (OUR_OWN_FAULTS.has(sqlStateOf(fault)?.slice(0, 2) ?? '')) {
    return new PeerLinkError('internal', 'the database refused a statement', { cause: fault });
  }
  return databaseUnavailable(fault);
}

export function databaseUnavailable(cause: unknown): PeerLinkError {
  return new PeerLinkError('unavailable', 'the database does not answer', { cause, retryAfterSeconds: 1 });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
