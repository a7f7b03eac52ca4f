import { round } from './measure.mjs';

/** Collects what is to be reached: a least ratio (with a goal), or `{atMost}`. */
export function collectBars(say) {
  const bars = [];
  const bar = (name, value, wanted, goal) => {
    const limit = typeof wanted === 'number' ? { atLeast: wanted } : wanted;
    const isMet = limit.atMost === undefined ? value >= limit.atLeast : value <= limit.atMost;
    const digits = Math.abs(value) < 10 ? 2 : 1;
    bars.push({ name, value: round(value, digits), ...limit, ...(goal === undefined ? {} : { goal }), isMet });
    const asked = limit.atMost === undefined ? `at least ${limit.atLeast}` : `at most ${limit.atMost}`;
    say(`  ${isMet ? 'ok    ' : 'MISSED'} ${name}: ${round(value, digits)} (${asked})`);
  };
  return { bars, bar };
}
