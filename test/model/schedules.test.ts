import { describe, expect, it, jest } from '@jest/globals';
import { runSchedule } from './random-schedule.ts';

/**
 * Schedules a run: each is a cluster of two or three nodes under loss, delay, duplicates, kills, freezes, cuts, reboots
 * and full disks. `PEERLINK_MODEL_SEED=<seed>` runs one again and prints its trace; `PEERLINK_MODEL_COUNT` more of them.
 */
const COUNT = Number(process.env.PEERLINK_MODEL_COUNT ?? 2_000);
const GIVEN_SEED = process.env.PEERLINK_MODEL_SEED;
/**
 * The same schedules for everybody, so that a red run is about the change and not about luck; a larger count looks
 * further. What was found bad once is below for good.
 */
const FIRST_SEED = GIVEN_SEED === undefined ? 10_000 : Number(GIVEN_SEED);

/**
 * Seeds of schedules that once broke a promise, with what was wrong. When the model changes, a schedule does too: a fault is
 * planted again then, and a seed taken that finds it.
 */
const FOUND: readonly (readonly [seed: number, what: string])[] = [
  [26, 'an in_sync of the home lands after its replica rebooted: the replica is not counted before it declared itself'],
  [89, 'home and replica both rebooted: each waits for the other unless the replica declares itself at its start'],
  [
    5322,
    'a chunk that was readable and lost with its value in a reboot: the generation rises although nothing looks lost',
  ],
  [
    761959594,
    'a replica reboots and is filled while the home still writes a value that it answered for: in_sync waits for it',
  ],
  [472, 'with `power` a file is sealed while the writer of one of its chunks still syncs it'],
  [10_491, 'a sealed file of an open transfer that a reboot damaged counts as a copy, because it was served before'],
  [10_501, 'a home that handed over after its reboot is attached again, and says to hold what it lost'],
  [11_307, 'a home that lost a file with its name in a reboot takes it for one that nobody sent'],
];

jest.setTimeout(300_000);

describe('ownership under random schedules', () => {
  it(`holds I1 to I6, and comes to a good end, in ${GIVEN_SEED === undefined ? COUNT : 1} schedules`, async () => {
    process.stdout.write(`ownership model: ${COUNT} schedules from seed ${FIRST_SEED}\n`);
    const count = GIVEN_SEED === undefined ? COUNT : 1;
    let acknowledged = 0;
    for (let index = 0; index < count; index += 1) {
      const { seed, fault, trace, acknowledgedCount } = await runSchedule(FIRST_SEED + index);
      if (GIVEN_SEED !== undefined) process.stdout.write(`${trace.join('\n')}\n`);
      if (fault !== null)
        throw new Error(`PEERLINK_MODEL_SEED=${seed}: ${fault.message}\n${trace.slice(-60).join('\n')}`, {
          cause: fault,
        });
      acknowledged += acknowledgedCount;
    }
    // A model in which nothing happens breaks no rule.
    expect(acknowledged).toBeGreaterThan(2 * count);
  });

  it.each(FOUND)('seed %d: %s', async (seed) => {
    const { fault } = await runSchedule(seed);
    expect(fault).toBeNull();
  });
});
