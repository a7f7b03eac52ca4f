const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const COMMA = 0x2c;
const CLOSING = new Set([0x5d, 0x7d]);

export interface JsonShape {
  /** Deepest nesting of arrays and objects; 0 for a plain value. */
  readonly depth: number;
  /** At least as many as there are members in all arrays and objects but the first, at most twice that and one more. */
  readonly memberCount: number;
}

/**
 * What JSON text holds, without parsing it: JSON.parse recurses, and whoever walks the result may too, or looks at each
 * member. Counts brackets and commas outside strings, so for text that is no JSON it is only a bound.
 * @returns as far as it was counted: it ends above either limit
 */
export function jsonShape(
  text: string | Uint8Array,
  { maxDepth = Number.MAX_SAFE_INTEGER, maxMembers = Number.MAX_SAFE_INTEGER } = {},
): JsonShape {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  let depth = 0;
  let deepest = 0;
  let memberCount = 0;
  let isInString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (isInString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === COMMA) memberCount += 1;
    else if (OPENING.has(byte)) {
      depth += 1;
      memberCount += 1;
      if (depth > deepest) deepest = depth;
    } else if (CLOSING.has(byte)) depth -= 1;
    if (deepest > maxDepth || memberCount > maxMembers) break;
  }
  return { depth: deepest, memberCount };
}
