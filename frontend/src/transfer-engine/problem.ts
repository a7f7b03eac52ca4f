import { type ErrorType, errorTypeOf, type ProblemDetails } from '../../../services/contracts/errors.ts';
import type { Fault } from './fault.ts';

/**
 * What an answer without one of our bodies most likely means. Every refusal of ours carries its type, so one without
 * is a proxy's: while the server behind it is put in place again it may say 401, 403, 404, 405 or 410, and all that
 * is known is that nobody of ours was asked. Nothing may end for good by it.
 */
function typeOfBareStatus(status: number): ErrorType {
  switch (status) {
    case 408:
      return 'request_timeout';
    case 413:
      return 'too_large';
    case 429:
      return 'rate_limited';
    case 507:
      return 'disk_full';
    case 502:
    case 503:
    case 504:
      return 'unavailable';
    default:
      return status >= 500 ? 'internal' : 'unavailable';
  }
}

function retryAfterMsOf(header: string | null, problem: Partial<ProblemDetails>): number | null {
  const seconds = problem.retryAfterSeconds ?? (header === null ? Number.NaN : Number(header));
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/** The fault in an error answer: its closed type, and when to come back if the server said so. */
export function faultOfAnswer(status: number, retryAfterHeader: string | null, body: string): Fault {
  let problem: Partial<ProblemDetails> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) problem = parsed;
  } catch {
    // Not ours: the status alone has to do.
  }
  return {
    kind: 'problem',
    type: errorTypeOf(problem) ?? typeOfBareStatus(status),
    retryAfterMs: retryAfterMsOf(retryAfterHeader, problem),
    ...(problem.data ? { data: problem.data } : {}),
  };
}
