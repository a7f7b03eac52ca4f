import { type ErrorType, errorTypeOf, type ProblemDetails } from '../../../services/contracts/errors.ts';
import type { Fault } from './fault.ts';

/** What an answer without one of our bodies (a proxy's page, say) most likely means. */
function typeOfBareStatus(status: number): ErrorType {
  switch (status) {
    case 401:
      return 'bad_token';
    case 403:
      return 'forbidden';
    case 404:
      return 'not_found';
    case 408:
      return 'request_timeout';
    case 410:
      return 'ended';
    case 413:
      return 'too_large';
    case 429:
      return 'rate_limited';
    case 502:
    case 503:
    case 504:
      return 'unavailable';
    case 507:
      return 'disk_full';
    default:
      return status >= 500 ? 'internal' : 'bad_request';
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
