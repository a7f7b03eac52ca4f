import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { startLoop } from './loop.ts';

const passes = (ms: number) => jest.advanceTimersByTimeAsync(ms);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

it('takes its next turn so long after the end of the last one, also of one that failed', async () => {
  const faults: unknown[] = [];
  let turns = 0;
  const act = async () => {
    turns += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new Error('it failed');
  };
  const loop = startLoop(100, act, (fault) => faults.push(fault));
  await passes(149);
  expect([turns, faults.length]).toEqual([1, 1]);
  await passes(1);
  expect(turns).toBe(2);
  const stopped = loop.stop();
  await passes(50);
  await stopped;
});

it('waits for the turn that is running when it is stopped, and takes no other', async () => {
  let turns = 0;
  let isTurning = false;
  const act = async () => {
    turns += 1;
    isTurning = true;
    await new Promise((resolve) => setTimeout(resolve, 50));
    isTurning = false;
  };
  const loop = startLoop(100, act, () => undefined, { firstAfterMs: 10 });
  expect(turns).toBe(0);
  await passes(20);
  const wasTurning = loop.stop().then(() => isTurning);
  await passes(1_000);
  expect([await wasTurning, turns]).toEqual([false, 1]);
});
