/** A transfer's strip as the overview tells it, in paths of a picture that is one wide for each sign. Pure. */

/** The sign of a stretch that is stored as a whole, and so many steps high. */
export const STRIP_HEIGHT = 9;
/** Between two bars: after the last one there is none. */
export const STRIP_GAP = 0.2;

export interface StripPaths {
  readonly bare: string;
  /** Stretches of which some is stored. */
  readonly landing: string;
  readonly stored: string;
}

const barOf = (place: number, height: number): string => `M${place} ${STRIP_HEIGHT - height}h.8v${height}h-.8z`;

/** @param strip a digit for each stretch: 0 none of it is stored, 9 all of it */
export function stripPaths(strip: string): StripPaths {
  const bars = Array.from(strip, (sign, place) => ({ place, height: Number(sign) }));
  const drawn = (isShown: (height: number) => boolean) =>
    bars.map(({ place, height }) => (isShown(height) ? barOf(place, height) : '')).join('');
  return {
    bare: bars.map(({ place }) => barOf(place, STRIP_HEIGHT)).join(''),
    landing: drawn((height) => height > 0 && height < STRIP_HEIGHT),
    stored: drawn((height) => height === STRIP_HEIGHT),
  };
}
