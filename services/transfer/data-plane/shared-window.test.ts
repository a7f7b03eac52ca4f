import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../contracts/limits.ts';
import { SharedWindow } from './shared-window.ts';

const NEAR_MS = 3;

function windowOf(count: number): SharedWindow {
  const window = new SharedWindow();
  for (let entered = 0; entered < count; entered += 1) window.enter();
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
    const leave = Array.from({ length: 8 }, () => window.enter());
    for (const end of leave.slice(1)) {
      end();
      end();
    }
    expect(window.bytesEach(NEAR_MS)).toBe(5 * MIB);
    leave[0]?.();
    for (let count = 1; count <= 3; count += 1) window.enter();
    expect(window.bytesEach(NEAR_MS)).toBeCloseTo((8 * MIB) / 3);
  });
});
