import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { spaced } from './spaced.ts';

describe('what many ask for', () => {
  it('is made for all who wait at once, rests between two turns, and is never older than the question', async () => {
    let madeCount = 0;
    const ask = spaced(async () => {
      const endMs = performance.now() + 10;
      while (performance.now() < endMs);
      madeCount += 1;
      return madeCount;
    });
    expect(await ask()).toBe(1);
    const endMs = performance.now() + 500;
    const askOn = async () => {
      while (performance.now() < endMs) {
        const before = madeCount;
        expect(await ask()).toBeGreaterThan(before);
      }
    };
    await Promise.all(Array.from({ length: 50 }, askOn));
    // A tenth of 500 ms is five of 10 ms, and one before and one after.
    expect(madeCount).toBeLessThanOrEqual(8);
  });

  it('is made anew after a failure, which all who waited are told', async () => {
    let isBroken = true;
    const ask = spaced(async () => {
      await delay(5);
      if (isBroken) throw new Error('broken');
      return 'made';
    });
    const told = await Promise.allSettled([ask(), ask()]);
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await ask()).toBe('made');
  });
});
