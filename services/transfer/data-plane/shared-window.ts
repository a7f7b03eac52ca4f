import { MIB } from '../../contracts/limits.ts';

/** One body alone keeps disk and hash busy with this much, of which a chunk is just begun. */
const ONE_STREAM_BYTES = 5 * MIB;
/** "What a store had read of uncommitted chunks is at most 8 MiB": of all bodies together, chunks just begun included. */
const NEAR_BYTES = 8 * MIB;
/** A replica that is 80 ms away answers after 160, in which 50 MiB/s are 8 MiB: that line is full with three times as much. */
const FAR_BYTES = 30 * MIB;
const FAR_MS = 160;

/** A body without a byte for so long, of which nothing is on its way, takes no share of those that move. */
const IDLE_MS = 1_000;

/** One body's part in the window. */
export interface WindowShare {
  /** Bytes of it came, or were committed. */
  moved(): void;
  /** It is over. Repeatable. */
  leave(): void;
}

interface Stream {
  readonly hasBytesInFlight: () => boolean;
  movedAtMs: number;
  isIdle: boolean;
}

/**
 * How many bytes a body may have read that are not committed, shared by all bodies that are being received in this process.
 * Only by those that move: a thousand connections that send nothing leave the others what they had.
 */
export class SharedWindow {
  readonly #streams = new Set<Stream>();
  readonly #nowMs: () => number;
  #moving = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** A body begins. @param hasBytesInFlight whether bytes of it were read and are not committed */
  enter(hasBytesInFlight: () => boolean): WindowShare {
    const stream: Stream = { hasBytesInFlight, movedAtMs: this.#nowMs(), isIdle: false };
    this.#streams.add(stream);
    this.#moving += 1;
    return {
      moved: () => {
        stream.movedAtMs = this.#nowMs();
        if (!stream.isIdle || !this.#streams.has(stream)) return;
        stream.isIdle = false;
        this.#moving += 1;
      },
      leave: () => {
        if (this.#streams.delete(stream) && !stream.isIdle) this.#moving -= 1;
      },
    };
  }

  /**
   * A body that has at least this much pauses; one chunk is always on its way.
   * @param answerMs how soon the body's replica answers at its quickest; 0 without one
   */
  bytesEach(answerMs: number): number {
    this.#findIdle();
    const allBytes = Math.min(FAR_BYTES, Math.max(NEAR_BYTES, (FAR_BYTES * answerMs) / FAR_MS));
    return Math.min(ONE_STREAM_BYTES, allBytes / Math.max(1, this.#moving));
  }

  /** Once in IDLE_MS: of a thousand bodies that costs less than one chunk does. */
  #findIdle(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedAtMs < IDLE_MS) return;
    this.#lookedAtMs = nowMs;
    for (const stream of this.#streams) {
      if (stream.isIdle || nowMs - stream.movedAtMs < IDLE_MS || stream.hasBytesInFlight()) continue;
      stream.isIdle = true;
      this.#moving -= 1;
    }
  }
}
