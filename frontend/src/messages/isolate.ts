/** First strong isolate and its end: what stands between keeps its own direction and does not turn its neighbours. */
const OPEN = '\u2068';
const CLOSE = '\u2069';
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;

/** A name inside a sentence of a language that is written from right to left. */
export function isolate(name: string): string {
  return OPEN + name + CLOSE;
}

/** The same in one that is written from left to right, where most names need nothing. */
export function isolateForeign(name: string): string {
  return RIGHT_TO_LEFT.test(name) ? isolate(name) : name;
}
