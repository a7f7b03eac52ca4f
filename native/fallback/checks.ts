/** The argument checks of src/shell in TypeScript: same names, same limits, same kinds of error. */
import { types } from 'node:util';
import { LEAF_BYTES, VALUE_BYTES } from './blake3.ts';

export const MAX_SYNC_HASH_BYTES = 4 * 2 ** 20;
/** Less for a list, whose buffers cost time of their own. */
export const MAX_SYNC_LIST_BYTES = 2 * 2 ** 20;
export const MAX_SYNC_XOR_BYTES = 16 * 2 ** 20;
export const MAX_CONTEXT_BYTES = 65_536;
export const MAX_CHUNK_BYTES = 64 * 2 ** 20;
export const MAX_BUFFERS = 16_384;
const MAX_CHUNK_VALUES = 65_536;
const MAX_XOR_KEY_BYTES = 4096;

export function checkBytes(value: unknown, name: string, maxBytes = Number.POSITIVE_INFINITY): void {
  if (!types.isUint8Array(value)) throw typeError(name, 'must be a Uint8Array or Buffer');
  // The only thing that tells an empty array from one whose memory was transferred away, before Node 22's `detached`.
  if (value.byteLength === 0 && isDetached(value.buffer)) {
    throw typeError(name, 'is detached: its memory was transferred away');
  }
  if (value.byteLength > maxBytes) {
    throw rangeError(name, `has ${value.byteLength} bytes, at most ${maxBytes} are allowed`);
  }
}

function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

export function checkInteger(value: unknown, name: string, min: number, max: number): void {
  if (typeof value !== 'number') throw typeError(name, 'must be a number');
  if (!Number.isInteger(value) || value < min || value > max) {
    throw rangeError(name, `is ${value}, a whole number from ${min} to ${max} is wanted`);
  }
}

export function checkFileDescriptor(fd: unknown): void {
  checkInteger(fd, 'fd', 0, 2_147_483_647);
}

/** @returns the bytes of all buffers together */
export function checkBuffers(buffers: unknown, minBytes: number, maxBytes: number): number {
  if (!Array.isArray(buffers)) throw typeError('buffers', 'must be an array of Uint8Arrays');
  if (buffers.length > MAX_BUFFERS) {
    throw rangeError('buffers', `has ${buffers.length} elements, at most ${MAX_BUFFERS} are allowed`);
  }
  let total = 0;
  for (let i = 0; i < buffers.length; i++) {
    checkBytes(buffers[i], `buffers[${i}]`);
    total += (buffers[i] as Uint8Array).length;
  }
  if (total < minBytes || total > maxBytes) {
    throw rangeError('buffers', `hold ${total} bytes, ${minBytes} to ${maxBytes} are wanted`);
  }
  return total;
}

/** A chunk begins at a multiple of its leaves rounded up to a power of two: anything else is no subtree. */
export function checkLeafCounter(leafCounter: unknown, sizeBytes: number): void {
  checkInteger(leafCounter, 'leafCounter', 0, Number.MAX_SAFE_INTEGER);
  const leaves = Math.ceil(sizeBytes / LEAF_BYTES);
  let span = 1;
  while (span < leaves) span *= 2;
  if ((leafCounter as number) % span !== 0) {
    throw rangeError('leafCounter', `is ${leafCounter}, a multiple of ${span} is wanted for ${leaves} leaves`);
  }
}

export function checkChunkValues(values: unknown): void {
  checkBytes(values, 'values');
  const { length } = values as Uint8Array;
  const count = length / VALUE_BYTES;
  if (!Number.isInteger(count) || count < 2 || count > MAX_CHUNK_VALUES) {
    throw rangeError('values', 'must hold 2 to 65536 chaining values of 32 bytes');
  }
}

export function checkKey(key: unknown): void {
  checkBytes(key, 'key');
  if ((key as Uint8Array).length !== VALUE_BYTES) throw rangeError('key', 'must have 32 bytes');
}

export function checkExpectedValue(value: unknown): void {
  checkBytes(value, 'expectedValue');
  if ((value as Uint8Array).length !== VALUE_BYTES) throw rangeError('expectedValue', 'must have 32 bytes');
}

export function checkXorKey(key: unknown, streamOffset: unknown): void {
  checkBytes(key, 'key', MAX_XOR_KEY_BYTES);
  if ((key as Uint8Array).length === 0) throw rangeError('key', 'must have at least one byte');
  checkInteger(streamOffset, 'streamOffset', 0, Number.MAX_SAFE_INTEGER);
}

export function checkXorTarget(source: Uint8Array, target: Uint8Array): void {
  if (target.length < source.length) throw rangeError('target', 'is shorter than source');
  const distance = Math.abs(target.byteOffset - source.byteOffset);
  if (target.buffer === source.buffer && distance > 0 && distance < source.length) {
    throw rangeError('target', 'overlaps source in part');
  }
}

function typeError(name: string, wanted: string): TypeError {
  return Object.assign(new TypeError(`${name} ${wanted}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

export function rangeError(name: string, foundAndWanted: string): RangeError {
  return Object.assign(new RangeError(`${name} ${foundAndWanted}`), { code: 'ERR_OUT_OF_RANGE' });
}
