import { MIB } from '../../contracts/limits.ts';

/** One body alone keeps disk and hash busy with this much. */
const ONE_STREAM_BYTES = 4 * MIB;
/**
 * What all bodies together may have unanswered before each must wait for its own. A replica that is 80 ms away answers after
 * 160, in which 50 MiB/s are 8 MiB; less than twice that leaves such a line idle. More than this many bodies share it.
 */
const ALL_STREAMS_BYTES = 24 * MIB;

/** How many bytes a body may have unanswered, shared by all bodies that are being received in this process. */
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

  /** A body that has at least this much unanswered pauses; one chunk is always on its way. */
  get bytesEach(): number {
    return Math.min(ONE_STREAM_BYTES, ALL_STREAMS_BYTES / Math.max(1, this.#streams));
  }
}
