import { describe, expect, it } from '@jest/globals';
import { ServerClock } from './server-clock.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = Date.parse('2026-03-01T12:00:00Z');

/** A visitor whose clock is wrong, and a line on which every way takes as long as a test says. */
function visitor(wrongMs: number) {
  const world = { trueMs: NOON_MS, wrongMs };
  const clock = new ServerClock(() => world.trueMs + world.wrongMs);
  const ask = (thereMs: number, backMs: number) => {
    const answered = clock.asked();
    world.trueMs += thereMs;
    const told = new Date(world.trueMs).toISOString();
    world.trueMs += backMs;
    answered(told);
  };
  return { world, clock, ask };
}

describe("the server's clock, as a page knows it", () => {
  it.each([-6 * HOUR_MS, -90_000, 0, 6 * HOUR_MS])("is right beside a visitor's that is %d ms off", (wrongMs) => {
    const { world, clock, ask } = visitor(wrongMs);
    ask(40, 60);
    expect(world.trueMs - clock.nowMs()).toBe(60);
    expect(clock.hasPassed(new Date(world.trueMs + 1_000).toISOString())).toBe(false);
    expect(clock.hasPassed(new Date(world.trueMs - 1_000).toISOString())).toBe(true);
  });

  it('calls nothing over before the server has told the time', () => {
    const { clock } = visitor(6 * HOUR_MS);
    expect(clock.hasPassed(new Date(NOON_MS).toISOString())).toBe(false);
    clock.asked()(null);
    clock.asked()('yesterday, or so');
    expect(clock.hasPassed(new Date(NOON_MS).toISOString())).toBe(false);
    expect(clock.nowMs()).toBe(NOON_MS + 6 * HOUR_MS);
  });

  it('comes nearer with a quicker answer, is led astray by no slow one, and never runs ahead', () => {
    const { world, clock, ask } = visitor(HOUR_MS);
    const behindMs: number[] = [];
    for (const [thereMs, backMs] of [
      [10, 9_000],
      [10, 20],
      [30_000, 30_000],
      [5, 30],
    ] as const) {
      ask(thereMs, backMs);
      behindMs.push(world.trueMs - clock.nowMs());
    }
    expect(behindMs).toEqual([9_000, 20, 20, 20]);
  });

  it('follows when the visitor sets the clock, either way', () => {
    const { world, clock, ask } = visitor(6 * HOUR_MS);
    ask(10, 20);
    for (const wrongMs of [0, 3 * HOUR_MS, -2 * HOUR_MS]) {
      world.wrongMs = wrongMs;
      ask(10, 20);
      expect(world.trueMs - clock.nowMs()).toBe(20);
    }
  });
});
