import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../kernel/clock.ts';
import type { Database } from './database.ts';
import { DatabaseClock, openDatabaseClock } from './database-clock.ts';

const WRONG_MS = 90_000;

/** A database and a machine whose clocks differ, and whose answers take their time both ways. */
class World {
  readonly machine = new ManualClock();
  readonly said: string[] = [];
  aheadMs = 0;
  roundMs = 4;
  asked = 0;
  failures = 0;

  readonly log = {
    info: (_details: object, message: string) => void this.said.push(message),
    warn: (details: object, message: string) => void this.said.push(`${JSON.stringify(details)} ${message}`),
    debug: () => undefined,
  };
  readonly database = {
    kind: 'postgresql',
    query: async () => {
      this.asked += 1;
      if (this.asked <= this.failures) throw new Error('away');
      this.machine.advance(this.roundMs / 2);
      const ms = this.databaseMs();
      this.machine.advance(this.roundMs / 2);
      return [{ ms }];
    },
  } as unknown as Database;

  databaseMs(): number {
    return this.machine.now() - this.aheadMs;
  }
}

describe("the database's time at a node", () => {
  it.each([WRONG_MS, -WRONG_MS])('is what the database says where the clock is wrong by %d ms', async (aheadMs) => {
    const world = new World();
    world.aheadMs = aheadMs;
    const { clock, close } = await openDatabaseClock(world.database, world.log, world.machine);
    await close();
    expect(Math.abs(clock.now() - world.databaseMs())).toBeLessThanOrEqual(world.roundMs / 2);
    world.machine.advance(3_600_000);
    expect(Math.abs(clock.now() - world.databaseMs())).toBeLessThanOrEqual(world.roundMs / 2);
    expect(Number.isInteger(clock.now())).toBe(true);
    expect(world.said).toEqual([`{"skewMs":${aheadMs}} this machine's clock is not the database's, which counts`]);
  });

  it('is asked for again when the first answers do not come, and a start ends without any', async () => {
    const world = new World();
    world.failures = 2;
    const { close } = await openDatabaseClock(world.database, world.log, world.machine);
    await close();
    world.failures = 100;
    await expect(openDatabaseClock(world.database, world.log, world.machine)).rejects.toThrow('away');
  });

  it("is this process's own where the database is in it", async () => {
    const world = new World();
    const { clock } = await openDatabaseClock({ ...world.database, kind: 'pglite' }, world.log, world.machine);
    expect([clock, world.asked]).toEqual([world.machine, 0]);
  });
});

describe('what is learnt of the time', () => {
  const learnt = (machine: ManualClock, roundMs: number, aheadMs: number, clock = new DatabaseClock(machine)) => {
    const askedAtMs = machine.monotonicMs();
    // The answer was made at once, and was on its way all the time: as wrong as one can be.
    const toldMs = machine.now() - aheadMs;
    machine.advance(roundMs);
    clock.learn(toldMs, askedAtMs, machine.monotonicMs());
    return clock;
  };

  it('is not made worse by an answer that was long on its way', () => {
    const machine = new ManualClock();
    const clock = learnt(machine, 2, WRONG_MS);
    machine.advance(10_000);
    learnt(machine, 1_800, WRONG_MS, clock);
    expect(Math.abs(clock.now() - (machine.now() - WRONG_MS))).toBeLessThanOrEqual(6);
  });

  it('follows a clock of the database that was set, and a machine that slept', () => {
    const machine = new ManualClock();
    const clock = learnt(machine, 2, 0);
    for (const aheadMs of [WRONG_MS, -WRONG_MS]) {
      machine.advance(10_000);
      learnt(machine, 10, aheadMs, clock);
      expect(Math.abs(clock.now() - (machine.now() - aheadMs))).toBeLessThanOrEqual(10);
    }
  });

  it('lets no machine that sets its clock change the time', () => {
    const machine = new ManualClock();
    const clock = learnt(machine, 2, 0);
    const before = clock.now();
    machine.set(machine.now() + WRONG_MS);
    expect(clock.now()).toBe(before);
    expect(Math.round(clock.skewMs())).toBeGreaterThan(WRONG_MS - 10);
  });
});
