import { round } from './measure.mjs';

/**
 * Collects what is to be reached: a least ratio (with a goal), or `{atMost}`. `bound`: what a bare Node program reaches of
 * the same contender in the same rounds, without a hash, rights or resume: what is above it Node itself does not reach.
 */
export function collectBars(say) {
  const bars = [];
  const bar = (name, value, wanted, goal, bound) => {
    const limit = typeof wanted === 'number' ? { atLeast: wanted } : wanted;
    const isMet = limit.atMost === undefined ? value >= limit.atLeast : value <= limit.atMost;
    const digits = Math.abs(value) < 10 ? 2 : 1;
    const more = {
      ...(goal === undefined ? {} : { goal }),
      ...(bound === undefined ? {} : { bound: round(bound, 2) }),
    };
    bars.push({ name, value: round(value, digits), ...limit, ...more, isMet });
    const asked = limit.atMost === undefined ? `at least ${limit.atLeast}` : `at most ${limit.atMost}`;
    const reached = bound === undefined ? '' : `; bare Node ${round(bound, 2)}`;
    say(`  ${isMet ? 'ok    ' : 'MISSED'} ${name}: ${round(value, digits)} (${asked}${reached})`);
  };
  return { bars, bar };
}
