import { describe, expect, it } from '@jest/globals';
import { PROBE_AFTER_MS, Silence } from './silence.ts';

describe('how long nothing has moved', () => {
  it('has another node looked for once in a while, and not at every look', () => {
    const silence = new Silence();
    silence.moved(10_000);
    const dueAtMs: number[] = [];
    for (let nowMs = 10_000; nowMs < 20_000; nowMs += 100) if (silence.isProbeDue(nowMs)) dueAtMs.push(nowMs);
    expect(dueAtMs).toEqual([13_000, 16_000, 19_000]);
  });

  it('does not count the time in which nothing was tried', () => {
    const silence = new Silence();
    silence.moved(0);
    silence.notBefore(60_000);
    expect(silence.isLongerThan(PROBE_AFTER_MS, 60_000)).toBe(false);
    expect(silence.isLongerThan(PROBE_AFTER_MS, 60_000 + PROBE_AFTER_MS)).toBe(true);
  });
});
