/**
 * The face of a person, drawn from their id: always the same one, on every device. A mask of seven bars in the manner
 * of the chunk strip, the same on both sides, with two eyes and a mouth cut out. Pure: only where the rectangles lie.
 */
export interface MarkRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
export interface Mark {
  /** Side of the square that everything lies in. */
  readonly size: number;
  readonly bars: readonly MarkRect[];
  /** Cut out of the bars. */
  readonly holes: readonly MarkRect[];
  /** Which of the grounds it stands on. */
  readonly ground: (typeof GROUNDS)[number];
}

const GROUNDS = ['cell', 'ink', 'sheet'] as const;
const SIZE = 64;
const BAR = 6;
const PITCH = 7;
/** Of the outermost bar: seven of them and six gaps lie in the middle. */
const LEFT = (SIZE - 7 * PITCH + 1) / 2;

/** FNV-1a, then mixed so that ids which differ in one sign do not look alike. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

export function markOf(id: string): Mark {
  const roll = dice(seedOf(id));
  const ground = GROUNDS[roll(GROUNDS.length)] ?? 'cell';
  // From the middle outwards: ears may rise above the brow, the chin is below everything else.
  const tops = [6 + 2 * roll(5), 6 + 2 * roll(5), 4 + 2 * roll(7), 6 + 2 * roll(8)];
  const bottoms = [60 - 2 * roll(4), 58 - 2 * roll(4), 56 - 2 * roll(6), 50 - 2 * roll(8)];
  const bars = Array.from({ length: 7 }, (_, column) => {
    const away = Math.abs(column - 3);
    const y = tops[away] ?? 8;
    return { x: LEFT + column * PITCH, y, width: BAR, height: (bottoms[away] ?? 56) - y };
  });
  const eyesAway = 1 + roll(2);
  const eyeTop = 24 + 2 * roll(3);
  const eyeHeight = 4 + 2 * roll(3);
  const eyes = [3 - eyesAway, 3 + eyesAway].map((column) => ({
    x: LEFT + column * PITCH,
    y: eyeTop,
    width: BAR,
    height: eyeHeight,
  }));
  const mouthColumns = 1 + 2 * roll(2);
  const mouth = {
    x: LEFT + (3 - (mouthColumns - 1) / 2) * PITCH,
    y: 40 + 2 * roll(3),
    width: mouthColumns * PITCH - 1,
    height: 2 + 2 * roll(2),
  };
  return { size: SIZE, bars, holes: [...eyes, mouth], ground };
}
