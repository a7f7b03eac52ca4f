const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Deepest nesting of arrays and objects in JSON text, without parsing it: JSON.parse recurses, and whoever walks the
 * result may too. Counts brackets outside strings, so for text that is no JSON it is only a bound.
 * @returns 0 for a plain value; stops counting above `limit` and returns `limit + 1`
 */
export function jsonDepth(text: string | Uint8Array, limit = Number.MAX_SAFE_INTEGER): number {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (isInString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (OPENING.has(byte)) {
      depth += 1;
      if (depth > deepest) deepest = depth;
      if (depth > limit) return deepest;
    } else if (CLOSING.has(byte)) depth -= 1;
  }
  return deepest;
}
