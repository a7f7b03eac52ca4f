/** A transfer's strip as the overview tells it, in paths of a picture that is one wide for each sign. Pure. */

/** The sign of a stretch that is stored as a whole, and so many steps high. */
export const STRIP_HEIGHT = 9;
/** As many signs as a strip has at most. */
const MOST_SIGNS = 64;
const WIDEST_GAP = 0.2;

/** Between two of so many bars, and none after the last one: drawn equally wide, however many there are. */
export function stripGap(count: number): number {
  return (WIDEST_GAP * Math.min(count, MOST_SIGNS)) / MOST_SIGNS;
}

export interface StripPaths {
  readonly bare: string;
  /** Stretches of which some is stored. */
  readonly landing: string;
  readonly stored: string;
}

const barOf = (place: number, width: number, height: number): string =>
  `M${place} ${STRIP_HEIGHT - height}h${width}v${height}h-${width}z`;

/** @param strip a digit for each stretch: 0 none of it is stored, 9 all of it */
export function stripPaths(strip: string): StripPaths {
  const bars = Array.from(strip, (sign, place) => ({ place, height: Number(sign) }));
  const width = Number((1 - stripGap(strip.length)).toFixed(4));
  const drawn = (isShown: (height: number) => boolean) =>
    bars.map(({ place, height }) => (isShown(height) ? barOf(place, width, height) : '')).join('');
  return {
    bare: bars.map(({ place }) => barOf(place, width, STRIP_HEIGHT)).join(''),
    landing: drawn((height) => height > 0 && height < STRIP_HEIGHT),
    stored: drawn((height) => height === STRIP_HEIGHT),
  };
}
