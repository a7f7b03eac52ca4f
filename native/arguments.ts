/** Checks that both implementations make in the same words, before memory for a result is taken. */

export const DIGEST_BYTES = 32;
/** Enough for any key material; bounds the time one call can take. */
const MAX_OUTPUT_BYTES = 65_536;

export function checkOutputBytes(outputBytes: number): void {
  if (!Number.isInteger(outputBytes) || outputBytes < 1 || outputBytes > MAX_OUTPUT_BYTES) {
    throw new RangeError(`outputBytes is ${outputBytes}, a whole number from 1 to ${MAX_OUTPUT_BYTES} is wanted`);
  }
}

/** Hashing takes a key or a context, which select a mode, never both. */
export function checkHasherOptions(options: { key?: Uint8Array; context?: string }): void {
  if (options.key !== undefined && options.context !== undefined) {
    throw new TypeError('key and context cannot be given together');
  }
}

export function contextBytes(context: string): Buffer {
  if (typeof context !== 'string') throw new TypeError('context must be a string');
  return Buffer.from(context, 'utf8');
}
