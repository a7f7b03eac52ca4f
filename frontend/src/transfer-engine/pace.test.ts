import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from './backoff.ts';
import { leftMsAt, RateMeter } from './rate-meter.ts';
import { nextRunBytes } from './run-size.ts';

const MIB = 1024 * 1024;

describe('backoff', () => {
  it('doubles up to its cap, never less than half of the step', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(attempt, () => 0))).toEqual([
      125, 250, 500, 1000, 2000, 2500, 2500,
    ]);
    expect(backoffMs(50, () => 0.999_999)).toBe(5000);
  });
});

describe('run size', () => {
  it('grows to the largest run on a fast line, four times at most per answer', () => {
    expect(nextRunBytes(2 * MIB, 2 * MIB, 10, 8 * MIB)).toBe(8 * MIB);
    expect(nextRunBytes(MIB, MIB, 10, 64 * MIB)).toBe(4 * MIB);
  });

  it('shrinks by half at most on a slow line', () => {
    expect(nextRunBytes(8 * MIB, 8 * MIB, 60_000, 8 * MIB)).toBe(4 * MIB);
  });

  it('does not let a small file shrink what long runs have earned', () => {
    expect(nextRunBytes(8 * MIB, 1_000, 500, 8 * MIB)).toBe(8 * MIB);
  });

  it('stays between one byte and the largest run', () => {
    const bytes = fc.integer({ min: 1, max: 64 * MIB });
    fc.assert(
      fc.property(bytes, bytes, fc.double({ min: 0, max: 1e9, noNaN: true }), (current, size, tookMs) => {
        const next = nextRunBytes(Math.min(current, 8 * MIB), size, tookMs, 8 * MIB);
        expect(next).toBeGreaterThanOrEqual(1);
        expect(next).toBeLessThanOrEqual(8 * MIB);
      }),
    );
  });
});

describe('the time left', () => {
  it('is what the rest takes at this rate, and nothing is said of it without a rate or an end', () => {
    expect(leftMsAt(500, 1_000, 3_000)).toBe(4_000);
    expect(leftMsAt(500, 3_001, 3_000)).toBe(0);
    expect(leftMsAt(0, 1_000, 3_000)).toBeNull();
    expect(leftMsAt(null, 1_000, 3_000)).toBeNull();
    expect(leftMsAt(500, 1_000, null)).toBeNull();
  });
});

describe('rate meter', () => {
  it('says nothing before it has seen enough', () => {
    const meter = new RateMeter();
    meter.note(0, 0);
    meter.note(1_000, 100);
    expect(meter.bytesPerSecond(100)).toBeNull();
  });

  it('looks five seconds back', () => {
    const meter = new RateMeter();
    for (let atMs = 0; atMs <= 10_000; atMs += 100) meter.note(atMs < 5_000 ? 0 : atMs - 5_000, atMs);
    expect(meter.bytesPerSecond(10_000)).toBeCloseTo(1_000, -1);
  });

  it('begins anew when bytes are taken back, and never falls under zero', () => {
    const meter = new RateMeter();
    meter.note(5_000, 0);
    meter.note(1_000, 1_000);
    expect(meter.bytesPerSecond(1_000)).toBeNull();
    meter.note(1_000, 2_000);
    expect(meter.bytesPerSecond(2_000)).toBe(0);
  });

  it('says nothing again when it has heard of nothing for as long as it looks back', () => {
    const meter = new RateMeter();
    for (let atMs = 0; atMs <= 5_000; atMs += 1_000) meter.note(atMs * 1_000, atMs);
    expect(meter.bytesPerSecond(10_000)).toBe(1_000_000);
    expect(meter.bytesPerSecond(11_000)).toBeNull();
  });
});
