/**
 * What becomes of an offer to one recipient. `left`: accepted, and given up by the recipient; `cancelled`: ended by the
 * sender before that recipient had answered or had it all; `expired`: nobody answered in time.
 */
export const OFFER_OUTCOMES = ['offered', 'accepted', 'declined', 'expired', 'cancelled', 'received', 'left'] as const;
export type OfferOutcome = (typeof OFFER_OUTCOMES)[number];

/** Counts what people send each other: each change once, at the node that made it. */
export interface DirectCounter {
  /** @param count recipients */
  offers(outcome: OfferOutcome, count: number): void;
  text(): void;
  /** Recipients' sockets took so many bytes; those that are sent twice count twice. */
  received(bytes: number): void;
}
