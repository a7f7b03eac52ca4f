import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../kernel/clock.ts';
import { Outage } from './outage.ts';

function make() {
  const clock = new ManualClock();
  return { clock, outage: new Outage(() => clock.monotonicMs()) };
}

describe('an outage', () => {
  it('begins with the first failure, however long nothing moved before', () => {
    const { clock, outage } = make();
    outage.answered();
    outage.moved();
    clock.advance(600_000);
    expect(outage.failed()).toBe(0);
    clock.advance(5_000);
    expect(outage.failed()).toBe(5_000);
  });

  it('ends when bytes come', () => {
    const { clock, outage } = make();
    outage.failed();
    clock.advance(9_000);
    outage.moved();
    clock.advance(9_000);
    expect(outage.failed()).toBe(0);
  });

  it('ends with an answer that holds, though its sender pauses', () => {
    const { clock, outage } = make();
    outage.failed();
    clock.advance(9_000);
    outage.answered();
    clock.advance(4_000);
    expect(outage.failed()).toBe(0);
  });

  it('goes on under answers that break at once', () => {
    const { clock, outage } = make();
    outage.failed();
    for (let tries = 0; tries < 13; tries += 1) {
      outage.answered();
      clock.advance(900);
      outage.failed();
      clock.advance(100);
    }
    expect(outage.failed()).toBe(13_000);
  });
});
