/**
 * Which of a sender's sequence numbers were seen (RFC 4303, section 3.4.3): the highest, and a bit for each of the
 * last `sizeBits`. A number is accepted once; one below the window never.
 */
export class ReplayWindow {
  readonly #bits: Uint8Array;
  #highest = 0;

  constructor(sizeBits: number) {
    this.#bits = new Uint8Array(sizeBits);
  }

  /** @param sequence a whole number from 1 */
  accept(sequence: number): boolean {
    const size = this.#bits.length;
    if (sequence > this.#highest) {
      const skipped = Math.min(sequence - this.#highest - 1, size);
      // What lies between was not seen; its places still hold what was seen a round ago.
      for (let back = 1; back <= skipped; back += 1) this.#bits[(sequence - back) % size] = 0;
      this.#highest = sequence;
    } else if (sequence <= this.#highest - size || this.#bits[sequence % size] === 1) {
      return false;
    }
    this.#bits[sequence % size] = 1;
    return true;
  }
}
