import { describe, expect, it } from '@jest/globals';
import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import { axisFor, ratesOf, sparkPath } from './rates.ts';

const END_SECONDS = 1_800_000_000;
const HISTORY: TrafficHistory = {
  endsAt: new Date(END_SECONDS * 1000).toISOString(),
  stepSeconds: 10,
  total: { clientBytesIn: [100, 0, 50], clientBytesOut: [0, 10, 20], peerBytes: [0, 0, 0] },
  nodes: [{ nodeId: 'a', clientBytesIn: [100, 0, 0], clientBytesOut: [0, 0, 20], peerBytes: [0, 0, 0] }],
};
const NOW = { bytesInPerSecond: 7, bytesOutPerSecond: 8 };

describe('rates', () => {
  it('are bytes a second at the middle of each step, and end now', () => {
    expect(ratesOf(HISTORY, null, NOW, END_SECONDS + 3)).toEqual({
      times: [END_SECONDS - 25, END_SECONDS - 15, END_SECONDS - 5, END_SECONDS + 3],
      inward: [10, 0, 5, 7],
      outward: [0, 1, 2, 8],
    });
  });

  it('are those of one node where one is asked for, and of one that carried nothing only now', () => {
    expect(ratesOf(HISTORY, 'a', null, END_SECONDS).inward).toEqual([10, 0, 0]);
    expect(ratesOf(HISTORY, 'b', NOW, END_SECONDS)).toEqual({ times: [END_SECONDS], inward: [7], outward: [8] });
  });

  it('never go back in time when the clock of another node is behind', () => {
    expect(ratesOf(HISTORY, null, NOW, END_SECONDS - 60).times).toHaveLength(3);
  });
});

describe('the axis', () => {
  it.each([
    [0, [0, 250, 500, 750, 1_000]],
    [999_000, [0, 250_000, 500_000, 750_000, 1_000_000]],
    [1_300_000, [0, 500_000, 1_000_000, 1_500_000]],
    [41e6, [0, 20e6, 40e6, 60e6]],
  ])('of %d ends at a round number above', (most, wanted) => {
    expect(axisFor(most)).toEqual(wanted);
  });

  it('has at most five numbers whatever the rate', () => {
    for (let most = 1; most < 1e15; most *= 1.37) expect(axisFor(most).length).toBeLessThanOrEqual(5);
  });
});

describe('a spark', () => {
  it('runs along the ground while nothing moves, and through its largest value at the top', () => {
    expect(sparkPath([0, 0], 10, 4)).toBe('M0.0 4.0L10.0 4.0');
    expect(sparkPath([0, 5, 10], 10, 4)).toBe('M0.0 4.0L5.0 2.0L10.0 0.0');
    expect(sparkPath([1], 10, 4)).toBe('');
  });
});
