import { describe, expect, it } from '@jest/globals';
import { UnbrokenWatch } from './unbroken-watch.ts';

describe('an unbroken watch', () => {
  it('lasts from its first look, and begins anew after a gap', () => {
    const watch = new UnbrokenWatch(10);
    expect(watch.durationMs(5)).toBe(0);
    for (const nowMs of [5, 15, 25]) watch.saw(nowMs);
    expect([watch.durationMs(25), watch.durationMs(35), watch.durationMs(36)]).toEqual([20, 30, 0]);
    watch.saw(36);
    expect([watch.durationMs(36), watch.durationMs(40)]).toEqual([0, 4]);
  });
});
