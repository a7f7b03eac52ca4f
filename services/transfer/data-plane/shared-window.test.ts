import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../contracts/limits.ts';
import { SharedWindow } from './shared-window.ts';

const NEAR_MS = 3;

function windowOf(count: number): SharedWindow {
  const window = new SharedWindow();
  for (let entered = 0; entered < count; entered += 1) window.enter(() => false);
  return window;
}

describe('the window that bodies share', () => {
  it('gives one body 5 MiB, and several 8 MiB together, while their replica answers quickly or there is none', () => {
    for (const answerMs of [0, NEAR_MS, 40]) {
      expect(windowOf(1).bytesEach(answerMs)).toBe(5 * MIB);
      expect(6 * windowOf(6).bytesEach(answerMs)).toBeCloseTo(8 * MIB);
      expect(16 * windowOf(16).bytesEach(answerMs)).toBeCloseTo(8 * MIB);
    }
  });

  it('grows with the time that the replica takes, up to 30 MiB at 160 ms', () => {
    expect(6 * windowOf(6).bytesEach(80)).toBeCloseTo(15 * MIB);
    for (const answerMs of [160, 1_000]) expect(6 * windowOf(6).bytesEach(answerMs)).toBeCloseTo(30 * MIB);
    expect(windowOf(1).bytesEach(1_000)).toBe(5 * MIB);
    expect(24 * windowOf(24).bytesEach(1_000)).toBeCloseTo(30 * MIB);
  });

  it('grows again when bodies end, however often they say so', () => {
    const window = new SharedWindow();
    const shares = Array.from({ length: 8 }, () => window.enter(() => false));
    for (const share of shares.slice(1)) {
      share.leave();
      share.leave();
    }
    expect(window.bytesEach(NEAR_MS)).toBe(5 * MIB);
    shares[0]?.leave();
    for (let count = 1; count <= 3; count += 1) window.enter(() => false);
    expect(window.bytesEach(NEAR_MS)).toBeCloseTo((8 * MIB) / 3);
  });

  describe('of bodies that stand still', () => {
    const SECOND_MS = 1_000;

    it('leaves nothing with those of which nothing is on its way, until they move again', () => {
      let nowMs = 0;
      const window = new SharedWindow(() => nowMs);
      const idle = Array.from({ length: 1_000 }, () => window.enter(() => false));
      const moving = window.enter(() => false);
      expect(window.bytesEach(NEAR_MS)).toBeCloseTo((8 * MIB) / 1_001);
      nowMs += SECOND_MS;
      moving.moved();
      expect(window.bytesEach(NEAR_MS)).toBe(5 * MIB);
      idle[0]?.moved();
      idle[1]?.moved();
      idle[1]?.moved();
      expect(window.bytesEach(NEAR_MS)).toBeCloseTo((8 * MIB) / 3);
    });

    it('counts those that wait for their disk: what they hold is held', () => {
      let nowMs = 0;
      const window = new SharedWindow(() => nowMs);
      for (let entered = 0; entered < 8; entered += 1) window.enter(() => true);
      nowMs += 10 * SECOND_MS;
      expect(window.bytesEach(NEAR_MS)).toBeCloseTo(MIB);
    });

    it('counts none twice that leaves while it stands still, or moves after it has left', () => {
      let nowMs = 0;
      const window = new SharedWindow(() => nowMs);
      const gone = window.enter(() => false);
      for (let entered = 0; entered < 4; entered += 1) window.enter(() => true);
      nowMs += SECOND_MS;
      expect(window.bytesEach(NEAR_MS)).toBeCloseTo(2 * MIB);
      gone.leave();
      gone.moved();
      expect(window.bytesEach(NEAR_MS)).toBeCloseTo(2 * MIB);
    });
  });
});
