import { errorTypeOf, PeerLinkError } from '../../contracts/errors.ts';
import type { PeerBody } from './peer-body.ts';

const SMALL_ANSWER_BYTES = 1024 * 1024;

/** The other node cannot be reached, or ended in the middle. */
export function noAnswer(cause: unknown): PeerLinkError {
  return new PeerLinkError('unavailable', 'Another node does not answer. Try again.', {
    ...(cause === null ? {} : { cause }),
    retryAfterSeconds: 1,
  });
}

/** A small answer's JSON; `{}` for what is none. @throws what broke the answer; unavailable for too much of it */
export async function readJson(body: PeerBody): Promise<unknown> {
  const parts: Buffer[] = [];
  let lengthBytes = 0;
  for (;;) {
    const piece = await body.next();
    if (piece === null) break;
    lengthBytes += piece.lengthBytes;
    if (lengthBytes > SMALL_ANSWER_BYTES) {
      const fault = new PeerLinkError('unavailable', 'Another node answered too much.');
      body.break(fault);
      throw fault;
    }
    parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
    piece.release();
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return {};
  }
}

/** A problem that another node answered, as a fault of ours: type, data and time of the repetition stay. */
export function faultOfAnswer(answer: unknown, status: number): PeerLinkError {
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const said = errorTypeOf(problem) ?? (status >= 500 ? 'unavailable' : 'internal');
  // This node knows the row: that another one has not heard of it, or refuses our MAC, is no news for a client.
  const type = said === 'not_found' || said === 'method_not_allowed' ? 'unavailable' : said;
  const { detail, data, retryAfterSeconds } = problem;
  return new PeerLinkError(type, typeof detail === 'string' ? detail : 'Another node could not do it.', {
    ...(isRecord(data) ? { data } : {}),
    ...(typeof retryAfterSeconds === 'number' && Number.isFinite(retryAfterSeconds) ? { retryAfterSeconds } : {}),
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
