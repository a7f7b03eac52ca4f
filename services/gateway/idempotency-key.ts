import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_IDEMPOTENCY_KEY_CHARS } from '../contracts/limits.ts';

/** The header's value, bounded; what it may hold is the domain's to say. @throws bad_request */
export function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && header.length >= 1 && header.length <= MAX_IDEMPOTENCY_KEY_CHARS) return header;
  throw new PeerLinkError('bad_request', `Idempotency-Key must have 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} characters.`);
}
