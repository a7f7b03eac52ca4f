import { MAX_CHUNKS_PER_FILE } from '../contracts/limits.ts';
import type { ChunkValues } from './ports.ts';

const VALUE_BYTES = 32;
/** Grown by doubling, up to the longest file's 2 MiB: nodes refuse longer lists from each other. */
const FIRST_CAPACITY = 16;

/** Chaining values of one file in memory: 32 bytes a chunk, all zero = missing. */
export class ChunkMap implements ChunkValues {
  #bytes: Uint8Array;
  #count = 0;

  constructor(stored?: Uint8Array) {
    this.#bytes = stored ?? new Uint8Array(FIRST_CAPACITY * VALUE_BYTES);
    if (stored !== undefined) {
      for (let index = 0; index < stored.length / VALUE_BYTES; index += 1) if (this.has(index)) this.#count += 1;
    }
  }

  get count(): number {
    return this.#count;
  }

  has(index: number): boolean {
    const start = index * VALUE_BYTES;
    if (!Number.isInteger(index) || index < 0 || start + VALUE_BYTES > this.#bytes.length) return false;
    // A real value begins with four zero bytes once in 2^32: look at all of it only then.
    for (let at = start; at < start + VALUE_BYTES; at += 1) if (this.#bytes[at] !== 0) return true;
    return false;
  }

  get(index: number): Uint8Array | null {
    const start = index * VALUE_BYTES;
    return this.has(index) ? this.#bytes.slice(start, start + VALUE_BYTES) : null;
  }

  set(index: number, value: Uint8Array): void {
    this.#reserve(index + 1);
    if (!this.has(index)) this.#count += 1;
    this.#bytes.set(value, index * VALUE_BYTES);
  }

  drop(index: number): void {
    if (!this.has(index)) return;
    this.#bytes.fill(0, index * VALUE_BYTES, (index + 1) * VALUE_BYTES);
    this.#count -= 1;
  }

  /** All values up to `count` chunks, missing ones zero: what `rootOfChunkValues` takes. */
  firstValues(count: number): Uint8Array {
    this.#reserve(count);
    return this.#bytes.slice(0, count * VALUE_BYTES);
  }

  /** All that is recorded, missing ones zero. A copy. */
  all(): Uint8Array {
    return this.#bytes.slice();
  }

  ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    const capacity = this.#bytes.length / VALUE_BYTES;
    for (let index = 0; index < capacity; index += 1) {
      if (!this.has(index)) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === index) last[1] = index + 1;
      else ranges.push([index, index + 1]);
    }
    return ranges;
  }

  #reserve(count: number): void {
    const wanted = count * VALUE_BYTES;
    if (wanted <= this.#bytes.length) return;
    const doubled = Math.min(this.#bytes.length * 2, MAX_CHUNKS_PER_FILE * VALUE_BYTES);
    const grown = new Uint8Array(Math.max(wanted, doubled));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
