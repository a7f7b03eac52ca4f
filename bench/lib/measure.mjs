// Rounds in which every contender has its turn, so that a machine that drifts drifts for all of them.
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param contenders [{name, server, run: () => Promise<{seconds, bytes}>, after?: () => Promise<void>}]; CPU is that
 *   of `server` alone, while `run` ran
 * @returns {Promise<Map<string, {mibPerSecond: number[], cpuSecondsPerGib: number[]}>>}
 */
export async function interleave(contenders, rounds, say = () => {}) {
  const samples = new Map(contenders.map(({ name }) => [name, { mibPerSecond: [], cpuSecondsPerGib: [] }]));
  for (let round = -1; round < rounds; round += 1) {
    // Nobody goes always first, nor always after the same one. The round before the first only warms up.
    const shift = (round + 1) % contenders.length;
    const order = [...contenders.slice(shift), ...contenders.slice(0, shift)];
    for (const { name, server, run, after } of round % 2 === 0 ? order : order.reverse()) {
      const cpuBefore = server.cpuSeconds();
      const { seconds, bytes } = await run();
      const cpuSeconds = server.cpuSeconds() - cpuBefore;
      await after?.();
      if (round < 0) continue;
      const sample = samples.get(name);
      sample.mibPerSecond.push(bytes / MIB / seconds);
      sample.cpuSecondsPerGib.push(cpuSeconds / (bytes / GIB));
    }
  }
  for (const [name, { mibPerSecond, cpuSecondsPerGib }] of samples) {
    say(
      `  ${name.padEnd(44)} ${median(mibPerSecond).toFixed(0).padStart(6)} MiB/s  ${median(cpuSecondsPerGib).toFixed(2)} CPU s/GiB`,
    );
  }
  return samples;
}

/** The middle one of the rounds' own ratios: what both had in the same minute. */
export function ratioOf(samples, name, other) {
  const own = samples.get(name).mibPerSecond;
  const others = samples.get(other).mibPerSecond;
  return median(own.map((value, round) => value / others[round]));
}

export function figuresOf(samples) {
  return Object.fromEntries(
    [...samples].map(([name, { mibPerSecond, cpuSecondsPerGib }]) => [
      name,
      {
        mibPerSecond: round(median(mibPerSecond), 0),
        lowest: round(Math.min(...mibPerSecond), 0),
        highest: round(Math.max(...mibPerSecond), 0),
        cpuSecondsPerGib: round(median(cpuSecondsPerGib), 3),
      },
    ]),
  );
}

export function round(value, digits) {
  return Number(value.toFixed(digits));
}
