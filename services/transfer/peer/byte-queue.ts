import { KIB } from '../../contracts/limits.ts';

/**
 * A shorter piece is copied together with its neighbours: a body that trickles in byte by byte would otherwise hold an
 * object for each.
 */
const SMALL_PIECE_BYTES = 4 * KIB;
const BLOCK_BYTES = 64 * KIB;

/** Takes exactly so many bytes from a stream that comes in pieces of any sizes. */
export class ByteQueue {
  readonly #parts: Buffer[] = [];
  /** First part that was not taken; those before are dropped now and then. */
  #first = 0;
  #lengthBytes = 0;
  /** Small pieces are gathered here; what was handed out of it is never written again. */
  #block: Buffer | null = null;
  #blockBytes = 0;
  /** Where the view of the block that ends the parts begins; -1 when something else ends them. */
  #openView = -1;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#lengthBytes += bytes.length;
    if (bytes.length >= SMALL_PIECE_BYTES) {
      this.#parts.push(bytes);
      this.#openView = -1;
      return;
    }
    if (this.#block === null || this.#blockBytes + bytes.length > BLOCK_BYTES) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#blockBytes = 0;
      this.#openView = -1;
    }
    bytes.copy(this.#block, this.#blockBytes);
    if (this.#openView === -1) this.#openView = this.#blockBytes;
    else this.#parts.pop();
    this.#blockBytes += bytes.length;
    this.#parts.push(this.#block.subarray(this.#openView, this.#blockBytes));
  }

  /** Views of the next `count` bytes without copying, or null when they are not there yet. */
  takeList(count: number): Buffer[] | null {
    if (this.#lengthBytes < count) return null;
    const taken: Buffer[] = [];
    let wanted = count;
    while (wanted > 0) {
      const first = this.#parts[this.#first];
      if (first === undefined) return null;
      if (first.length <= wanted) {
        taken.push(first);
        this.#first += 1;
        wanted -= first.length;
      } else {
        taken.push(first.subarray(0, wanted));
        this.#parts[this.#first] = first.subarray(wanted);
        wanted = 0;
      }
    }
    this.#lengthBytes -= count;
    this.#parts.splice(0, this.#first);
    this.#first = 0;
    // What is left of the open view begins further on, or it was taken whole.
    const last = this.#parts.at(-1);
    this.#openView = this.#openView !== -1 && last !== undefined ? this.#blockBytes - last.length : -1;
    return taken;
  }

  take(count: number): Buffer | null {
    const list = this.takeList(count);
    return list === null ? null : list.length === 1 && list[0] !== undefined ? list[0] : Buffer.concat(list);
  }
}
