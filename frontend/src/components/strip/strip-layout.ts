/** Where the strip's cells lie and how full each is. Pure, so that the drawing has nothing left to decide. */
import { CELL } from '../../transfer-engine/chunk-map.ts';

/** Narrower than this a cell is not seen as one: chunks are merged instead. */
const MIN_PITCH_PX = 6;
const WIDEST_GAP_PX = 3;

export interface StripLayout {
  readonly cellCount: number;
  readonly pitchPx: number;
  readonly gapPx: number;
}
/** Shares of one: what is stored and what is on its way in the chunks that a drawn cell stands for. */
export interface CellFill {
  readonly stored: number;
  readonly inFlight: number;
}

export function layoutStrip(chunkCount: number, widthPx: number): StripLayout {
  const cellCount = Math.max(1, Math.min(chunkCount, Math.floor(widthPx / MIN_PITCH_PX)));
  const gapPx = Math.min(WIDEST_GAP_PX, Math.max(1, widthPx / cellCount / 4));
  // A gap less than there are cells: the last one ends where the strip ends.
  return { cellCount, pitchPx: (widthPx + gapPx) / cellCount, gapPx };
}

/** The fill of drawn cell `index`, which stands for one chunk or several. An empty transfer is full: nothing misses. */
export function fillOf(cells: Uint8Array, layout: StripLayout, index: number): CellFill {
  if (cells.length === 0) return { stored: 1, inFlight: 0 };
  const first = Math.floor((index * cells.length) / layout.cellCount);
  const end = Math.max(first + 1, Math.floor(((index + 1) * cells.length) / layout.cellCount));
  let stored = 0;
  let inFlight = 0;
  for (let cell = first; cell < end; cell++) {
    if (cells[cell] === CELL.stored) stored++;
    else if (cells[cell] === CELL.inFlight) inFlight++;
  }
  return { stored: stored / (end - first), inFlight: inFlight / (end - first) };
}

/** The share of a drawn cell that is stored or on its way. */
export function presenceOf({ stored, inFlight }: CellFill): number {
  return stored + inFlight;
}

/** Sums of shares round: less than any chunk's share is no fall. */
const NO_CHUNK = 1e-9;

/**
 * Whether chunks of a drawn cell fell back to waiting, or what was stored of it was lost.
 * @param presenceBefore as `presenceOf` gave it for the same chunks when they were last drawn
 */
export function hasFallen(presenceBefore: number, now: CellFill): boolean {
  return presenceOf(now) < presenceBefore - NO_CHUNK;
}

export function countCells(cells: Uint8Array): { readonly stored: number; readonly inFlight: number } {
  let stored = 0;
  let inFlight = 0;
  for (const cell of cells) {
    if (cell === CELL.stored) stored++;
    else if (cell === CELL.inFlight) inFlight++;
  }
  return { stored, inFlight };
}
