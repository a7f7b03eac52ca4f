import { KIB } from '../../contracts/limits.ts';
import type { PacedResponse } from './paced-response.ts';
import type { Piece } from './pieces.ts';

/**
 * What is with a recipient's socket at once. Counted when all of it was taken, so on a slow line the sender sees it move
 * every few seconds; far below RECIPIENT_WINDOW_BYTES, which holds for whatever a chunk's size is.
 */
const SLICE_BYTES = 256 * KIB;

/**
 * Writes a piece in slices, each after the one before was taken.
 * @param onTaken bytes of the piece, half-open, that the client's socket took
 */
export async function writeCounted(
  response: Pick<PacedResponse, 'write'>,
  piece: Piece,
  onTaken: (from: number, to: number) => void,
): Promise<void> {
  const slices = slicesOf(piece.bytes);
  let isReleased = false;
  const release = (how: 'taken' | 'lost') => {
    if (isReleased) return;
    isReleased = true;
    piece.release(how);
  };
  try {
    for (const [index, { bytes, from, to }] of slices.entries()) {
      await response.write({
        bytes: [bytes],
        release: (how) => {
          if (how === 'taken') onTaken(from, to);
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
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      const end = Math.min(bytes.length, start + SLICE_BYTES);
      slices.push({ bytes: bytes.subarray(start, end), from: position + start, to: position + end });
    }
    position += bytes.length;
  }
  return slices;
}
