import { RECIPIENT_WINDOW_BYTES } from '../../contracts/limits.ts';
import type { PacedResponse } from './paced-response.ts';
import type { Piece } from './pieces.ts';

/** What is done with bytes of a piece, half-open. */
export interface Counting {
  /** The client's socket took them. */
  readonly taken: (from: number, to: number) => void;
  /**
   * Null: the client waits for more after this piece. Else its last byte goes out once this is done: who has that byte has
   * the whole answer, and a node that is killed right then must have told of it.
   */
  readonly told: (() => Promise<void>) | null;
}

/** Writes a piece in slices, each after the one before was taken. */
export async function writeCounted(
  response: Pick<PacedResponse, 'write' | 'flush'>,
  piece: Piece,
  { taken, told }: Counting,
): Promise<void> {
  const slices = slicesOf(piece.bytes);
  const last = told === null ? null : splitLastByte(slices);
  let isReleased = false;
  const release = (how: 'taken' | 'lost') => {
    if (isReleased) return;
    isReleased = true;
    piece.release(how);
  };
  try {
    for (const [index, slice] of slices.entries()) {
      const { bytes, from, to } = slice;
      if (slice === last) {
        await response.flush();
        taken(from, to);
        await told?.();
      }
      await response.write({
        bytes: [bytes],
        release: (how) => {
          if (how === 'taken' && slice !== last) taken(from, to);
          if (how === 'lost' || index === slices.length - 1) release(how);
        },
      });
    }
  } catch (fault) {
    release('lost');
    throw fault;
  }
  if (slices.length === 0) release('taken');
}

interface Slice {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

function slicesOf(list: readonly Uint8Array[]): Slice[] {
  const slices: Slice[] = [];
  let position = 0;
  for (const bytes of list) {
    for (let start = 0; start < bytes.length; start += RECIPIENT_WINDOW_BYTES) {
      const end = Math.min(bytes.length, start + RECIPIENT_WINDOW_BYTES);
      slices.push({ bytes: bytes.subarray(start, end), from: position + start, to: position + end });
    }
    position += bytes.length;
  }
  return slices;
}

/** @returns the last byte, as a slice of its own; null when there is none */
function splitLastByte(slices: Slice[]): Slice | null {
  const whole = slices.pop();
  if (whole === undefined) return null;
  const { bytes, from, to } = whole;
  const at = bytes.length - 1;
  if (at > 0) slices.push({ bytes: bytes.subarray(0, at), from, to: to - 1 });
  const last = { bytes: bytes.subarray(at), from: to - 1, to };
  slices.push(last);
  return last;
}
