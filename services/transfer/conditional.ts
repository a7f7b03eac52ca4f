import { MAX_RANGE_HEADER_CHARS } from '../contracts/limits.ts';

/** RFC 9110, sections 13 and 14, for a file that may still grow. */

export interface Validators {
  /** The one sent with this answer, with its quotes. */
  readonly etag: string;
  /** All that name these same bytes: "a committed chunk never changes". */
  readonly accepted: readonly string[];
}

/** `"<file id>-<generation>"` while the file grows, `"b3-<digest>"` once sealed. */
export function validatorsOf(fileId: string, generation: number, digestHex: string | null): Validators {
  const growing = `"${fileId}-${generation}"`;
  if (digestHex === null) return { etag: growing, accepted: [growing] };
  const sealed = `"b3-${digestHex}"`;
  return { etag: sealed, accepted: [sealed, growing] };
}

/** True for a 304: If-None-Match names these bytes (weak comparison). */
export function isNotModified(ifNoneMatch: string | undefined, validators: Validators): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => validators.accepted.includes(tag.trim().replace(/^W\//, '')));
}

/** False for a 412: If-Match names other bytes (strong comparison). */
export function isPreconditionMet(ifMatch: string | undefined, validators: Validators): boolean {
  if (ifMatch === undefined || ifMatch.trim() === '*') return true;
  return ifMatch.split(',').some((tag) => validators.accepted.includes(tag.trim()));
}

export type RangeDecision =
  | { readonly kind: 'whole' }
  /** Half-open. */
  | { readonly kind: 'part'; readonly from: number; readonly to: number }
  | { readonly kind: 'unsatisfiable' };

/** One range of whole numbers, open at one end or none. */
const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * What a Range asks for. Several ranges, other units, a malformed one and one whose If-Range does not hold are
 * ignored, as RFC 9110 allows: the answer is the whole. One that lies outside, or ends before it begins, is refused.
 */
export function decideRange(
  headers: { range?: string | undefined; ifRange?: string | undefined },
  sizeBytes: number,
  validators: Validators,
): RangeDecision {
  const { range, ifRange } = headers;
  if (range === undefined || range.length > MAX_RANGE_HEADER_CHARS) return { kind: 'whole' };
  const [, first = '', last = ''] = ONE_RANGE.exec(range) ?? [];
  if (first === '' && last === '') return { kind: 'whole' };
  // A date never matches: no date is sent. A weak tag never does in If-Range.
  if (ifRange !== undefined && !validators.accepted.includes(ifRange.trim())) return { kind: 'whole' };
  // "If the representation is shorter than the suffix-length, the entire representation is used."
  const from = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const to = first === '' || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return from < to ? { kind: 'part', from, to } : { kind: 'unsatisfiable' };
}
