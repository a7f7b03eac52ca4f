import { type DirectCounter, OFFER_OUTCOMES, type OfferOutcome } from '../kernel/direct-counter.ts';

export interface DirectReading {
  /** Recipients, by what became of the offer to each. */
  readonly offers: ReadonlyMap<OfferOutcome, number>;
  readonly texts: number;
  /** Bytes that recipients' sockets took. */
  readonly receivedBytes: number;
}

/** What was sent to people by this node, or answered through it, since the start of the process. */
export class DirectMeter implements DirectCounter {
  readonly #offers = new Map<OfferOutcome, number>(OFFER_OUTCOMES.map((outcome) => [outcome, 0]));
  #texts = 0;
  #receivedBytes = 0;

  offers(outcome: OfferOutcome, count: number): void {
    this.#offers.set(outcome, (this.#offers.get(outcome) ?? 0) + count);
  }

  text(): void {
    this.#texts += 1;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  read(): DirectReading {
    return { offers: this.#offers, texts: this.#texts, receivedBytes: this.#receivedBytes };
  }
}
