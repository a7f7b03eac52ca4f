// Timing on a machine that drifts: contenders take turns, and are compared within each turn.

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

/**
 * Runs every contender once per round, each for about `budgetMs`, and keeps the seconds of one call.
 * @param contenders functions by name; they may return promises
 * @returns by name: the best seconds of a call, the median, and all of them, round by round
 */
export async function takeTurns(contenders, { rounds = 15, budgetMs = 12 } = {}) {
  const names = Object.keys(contenders);
  const calls = {};
  for (const name of names) calls[name] = await callsWithin(contenders[name], budgetMs);
  const seconds = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) seconds[name].push(await secondsOfCall(contenders[name], calls[name]));
  }
  return Object.fromEntries(
    names.map((name) => [
      name,
      { best: Math.min(...seconds[name]), median: median(seconds[name]), all: seconds[name] },
    ]),
  );
}

/**
 * How many times faster `ours` was than `theirs`, both at their best: what else runs on the machine only ever adds
 * time, and rarely to every round.
 */
export function ratio(results, ours, theirs) {
  return results[theirs].best / results[ours].best;
}

async function callsWithin(call, budgetMs) {
  // The first calls also warm up: code is compiled, memory touched.
  let count = 1;
  for (;;) {
    const seconds = await secondsOfCall(call, count);
    if (seconds * count * 1000 >= budgetMs / 2 || count >= 1e6) {
      return Math.max(1, Math.min(1e6, Math.round(budgetMs / 1000 / seconds)));
    }
    count *= 4;
  }
}

async function secondsOfCall(call, count) {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const result = call();
    if (result instanceof Promise) await result;
  }
  return (performance.now() - start) / 1000 / count;
}
