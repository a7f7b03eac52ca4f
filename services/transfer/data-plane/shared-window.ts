import { MIB } from '../../contracts/limits.ts';

/** One body alone keeps disk and hash busy with this much, of which a chunk is just begun. */
const ONE_STREAM_BYTES = 5 * MIB;
/** "What a store had read of uncommitted chunks is at most 8 MiB": of all bodies together, chunks just begun included. */
const NEAR_BYTES = 8 * MIB;
/** A replica that is 80 ms away answers after 160, in which 50 MiB/s are 8 MiB: that line is full with three times as much. */
const FAR_BYTES = 30 * MIB;
const FAR_MS = 160;

/** How many bytes a body may have read that are not committed, shared by all bodies that are being received in this process. */
export class SharedWindow {
  #streams = 0;

  /** A body begins. The returned function ends it; it is repeatable. */
  enter(): () => void {
    this.#streams += 1;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#streams -= 1;
    };
  }

  /**
   * A body that has at least this much pauses; one chunk is always on its way.
   * @param answerMs how soon the body's replica answers at its quickest; 0 without one
   */
  bytesEach(answerMs: number): number {
    const allBytes = Math.min(FAR_BYTES, Math.max(NEAR_BYTES, (FAR_BYTES * answerMs) / FAR_MS));
    return Math.min(ONE_STREAM_BYTES, allBytes / Math.max(1, this.#streams));
  }
}
