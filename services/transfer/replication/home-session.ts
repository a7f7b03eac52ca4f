import { isEqualBytes } from '../../kernel/ids.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { FrameAnswer, ReplicaChannel, ReplicaFrame } from './ports.ts';

/** "3 s without an answer: detach." Counted from the last answer of the session, since a slow link still answers. */
export const ANSWER_DEADLINE_MS = 3_000;
/** A frame that others overtake for this long is not on its way any more. */
const OLDEST_FRAME_MS = 15_000;

export type FrameChunk = Omit<ReplicaFrame, 'epoch'>;

export type SendOutcome =
  /** The replica has the chunk, by an answer to its latest frame in this session and at the epoch of now. */
  | 'stored'
  /** The replica knows another epoch, or the row changed while the frame was away. */
  | 'stale_epoch'
  /** Full, or the bytes did not arrive as they were. */
  | 'refused'
  /** The session is over; nothing of it will be sent any more. */
  | 'ended'
  /** It is over because no answer came for 3 s. */
  | 'silent'
  /** `signal` was aborted before the frame was sent. */
  | 'withdrawn';

export interface HomeSessionDeps {
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** The epoch that the home acts under right now. */
  readonly epoch: () => number;
}

/**
 * "H->R traffic of a transfer runs in a session." What the home knows of its replica, which is true in this session
 * only. Once it is closed it sends nothing: the memory of chunks it was given may be used for something else then.
 */
export class HomeSession {
  readonly #deps: HomeSessionDeps;
  readonly #channel: ReplicaChannel;
  /** What the replica held when the session began, or answered for since. */
  readonly #held: Map<number, ChunkMap>;
  /** Per chunk, the frame that has no answer yet. */
  readonly #slots = new Map<string, Promise<void>>();
  readonly #sentAtMs = new Map<object, number>();
  /** Who waits for an answer. Told null when the session ends. */
  readonly #waiting = new Set<(answer: null) => void>();
  readonly #end = new AbortController();
  #lastMoveMs = 0;
  #isWatched = false;
  #isSilent = false;
  #hasRefused = false;
  #quickestMs: number | null = null;

  constructor(channel: ReplicaChannel, deps: HomeSessionDeps) {
    this.#channel = channel;
    this.#deps = deps;
    this.#held = new Map(channel.values);
  }

  get isOpen(): boolean {
    return !this.#end.signal.aborted;
  }

  get isIdle(): boolean {
    return this.#slots.size === 0;
  }

  /** The replica answered that it cannot take a chunk. */
  get hasRefused(): boolean {
    return this.#hasRefused;
  }

  /**
   * The shortest time that an answer of this session took; 0 before the first. Early frames had nothing before them on the
   * line, so that it says how far the replica is, and not how much is on its way.
   */
  get quickestAnswerMs(): number {
    return this.#quickestMs ?? 0;
  }

  /** "Compared by value, never by presence." */
  holds(fileIndex: number, chunkIndex: number, value: Uint8Array): boolean {
    const held = this.#held.get(fileIndex)?.get(chunkIndex) ?? null;
    return this.isOpen && held !== null && isEqualBytes(held, value);
  }

  /** @param signal aborted by a caller that no longer waits: a frame that was not sent yet never will be */
  async send(chunk: FrameChunk, signal?: AbortSignal): Promise<SendOutcome> {
    const key = `${chunk.fileIndex}/${chunk.chunkIndex}`;
    // "Within a session a chunk has one unanswered frame: before other bytes for it H awaits the answer or opens a new
    // session."
    for (let earlier = this.#slots.get(key); earlier !== undefined; earlier = this.#slots.get(key)) await earlier;
    if (!this.isOpen) return this.#isSilent ? 'silent' : 'ended';
    if (signal?.aborted === true) return 'withdrawn';
    let free: () => void = () => {};
    this.#slots.set(key, new Promise((resolve) => (free = resolve)));
    try {
      return await this.#exchange(chunk);
    } finally {
      this.#slots.delete(key);
      free();
    }
  }

  close(): void {
    if (!this.isOpen) return;
    // The channel first: who waits for a frame may use its bytes for something else as soon as it is told.
    this.#channel.close();
    this.#end.abort();
    for (const tell of this.#waiting) tell(null);
    this.#waiting.clear();
  }

  async #exchange(chunk: FrameChunk): Promise<SendOutcome> {
    const epoch = this.#deps.epoch();
    const { fileIndex, chunkIndex, value } = chunk;
    // From here on the replica may have zeroed what it held.
    this.#held.get(fileIndex)?.drop(chunkIndex);
    const frame = {};
    if (this.#sentAtMs.size === 0) this.#lastMoveMs = this.#deps.nowMs();
    const sentAtMs = this.#deps.nowMs();
    this.#sentAtMs.set(frame, sentAtMs);
    this.#watch();
    const answer = await this.#answerTo({ ...chunk, epoch });
    this.#sentAtMs.delete(frame);
    this.#lastMoveMs = this.#deps.nowMs();
    if (answer !== null) this.#quickestMs = Math.min(this.#quickestMs ?? Infinity, this.#lastMoveMs - sentAtMs);
    if (!this.isOpen || answer === null) return this.#isSilent ? 'silent' : 'ended';
    switch (answer.kind) {
      case 'stored': {
        const held = this.#held.get(fileIndex) ?? new ChunkMap();
        this.#held.set(fileIndex, held);
        held.set(chunkIndex, value);
        // "All of Q answered these bytes, at this epoch": an answer from before a change counts for what the replica
        // holds, not for a commit.
        return epoch === this.#deps.epoch() ? 'stored' : 'stale_epoch';
      }
      case 'stale_epoch':
        return 'stale_epoch';
      case 'stale_session':
        this.close();
        return 'ended';
      case 'failed':
        this.#hasRefused = true;
        return 'refused';
    }
  }

  /**
   * Null: the session ended first. Not a race against a promise of the session's end: that would keep something of every
   * frame for as long as the session lives.
   */
  #answerTo(frame: ReplicaFrame): Promise<FrameAnswer | null> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.#channel.send(frame).then(
        (answer) => {
          this.#waiting.delete(resolve);
          resolve(answer);
        },
        () => this.close(),
      );
    });
  }

  /** Ends the session when the replica falls silent while it owes an answer. One loop a session. */
  #watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    const watch = async () => {
      while (this.isOpen) {
        const [oldestMs] = this.#sentAtMs.values();
        if (oldestMs === undefined) break;
        const untilMs = Math.min(this.#lastMoveMs + ANSWER_DEADLINE_MS, oldestMs + OLDEST_FRAME_MS);
        const leftMs = untilMs - this.#deps.nowMs();
        if (leftMs <= 0) {
          this.#isSilent = true;
          this.close();
        } else {
          await this.#deps.delay(leftMs, this.#end.signal).catch(() => {});
        }
      }
      this.#isWatched = false;
    };
    void watch();
  }
}
