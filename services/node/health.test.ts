import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { ManualClock } from '../kernel/clock.ts';
import { createProcessSystemProbe, type ProbeOptions } from './adapters/process-system-probe.ts';
import { LOW_DISK_BYTES, type Measurements, reasonsOf, SLOW_LOOP_P99_MS, stateOf } from './health.ts';
import { NodeMonitor, type StateChange } from './node-monitor.ts';

const GIB = 1024 ** 3;
const well: Measurements = {
  eventLoopDelayP99Ms: 2,
  eventLoopUse: 0.1,
  memoryBytes: 200e6,
  diskFreeBytes: 50 * GIB,
  diskTotalBytes: 100 * GIB,
  isDatabaseUp: true,
  isBusUp: true,
  isRedisUp: true,
};

describe('reasonsOf', () => {
  it('has none for a node that is well', () => {
    expect(reasonsOf(well)).toEqual([]);
  });

  it.each([
    [{ eventLoopDelayP99Ms: SLOW_LOOP_P99_MS + 1 }, { what: 'slow_loop', delayMs: 201 }],
    [{ diskFreeBytes: LOW_DISK_BYTES - 1 }, { what: 'low_disk', freeBytes: LOW_DISK_BYTES - 1 }],
    [{ isDatabaseUp: false }, { what: 'no_database' }],
    [{ isBusUp: false }, { what: 'no_bus' }],
    [{ isRedisUp: false }, { what: 'no_redis' }],
    [{ isSecretShared: false }, { what: 'other_secret' }],
  ])('says why: %j', (change, reason) => {
    expect(reasonsOf({ ...well, ...change })).toEqual([reason]);
  });

  it('does not call a small disk full that is empty', () => {
    expect(reasonsOf({ ...well, diskFreeBytes: 60e6, diskTotalBytes: 64e6 })).toEqual([]);
  });
});

describe('stateOf', () => {
  it('is healthy or degraded only while the node serves', () => {
    expect([
      stateOf('serving', []),
      stateOf('serving', [{ what: 'no_bus' }]),
      stateOf('draining', []),
      stateOf('joining', [{ what: 'no_bus' }]),
    ]).toEqual(['healthy', 'degraded', 'draining', 'joining']);
  });
});

describe('NodeMonitor', () => {
  it('tells each change of state once, with its reasons', async () => {
    let found = well;
    const told: StateChange[] = [];
    const probe = { measure: async () => found, uptimeSeconds: () => 7, close: () => undefined };
    const clock = new ManualClock();
    const monitor = new NodeMonitor('n1', probe, (change) => told.push(change), clock);
    await monitor.look();
    monitor.enter('serving');
    await monitor.look();
    found = { ...well, isDatabaseUp: false };
    clock.advance(90_000);
    await monitor.look();
    await monitor.look();
    found = well;
    await monitor.look();
    monitor.enter('draining');
    expect(told.map(({ state }) => state)).toEqual(['joining', 'healthy', 'degraded', 'healthy', 'draining']);
    expect(told[2]?.reasons).toEqual([{ what: 'no_database' }]);
    // Events of all nodes are put in order: the time is the one that they share.
    expect(told[2]?.at).toBe(new Date(clock.now()).toISOString());
    expect(await monitor.health()).toMatchObject({
      nodeId: 'n1',
      state: 'draining',
      uptimeSeconds: 7,
      diskFreeBytes: 50 * GIB,
    });
  });
});

describe('a loop that is slow now and then', () => {
  /** States told, with a look every two seconds at these delays. */
  async function statesAt(delaysMs: readonly number[], whileJoiningMs: readonly number[] = []) {
    let delayMs = 0;
    const told: StateChange[] = [];
    const probe = {
      measure: async () => ({ ...well, eventLoopDelayP99Ms: delayMs }),
      uptimeSeconds: () => 7,
      close: () => undefined,
    };
    const clock = new ManualClock();
    const monitor = new NodeMonitor('n1', probe, (change) => told.push(change), clock);
    const lookAt = async (delays: readonly number[]) => {
      for (delayMs of delays) {
        clock.advance(2_000);
        await monitor.look();
      }
    };
    await lookAt(whileJoiningMs);
    monitor.enter('serving');
    await lookAt(delaysMs);
    return { told, health: await monitor.health() };
  }
  const [slow, calm] = [SLOW_LOOP_P99_MS + 50, SLOW_LOOP_P99_MS - 50];
  const seconds = (count: number, ...delaysMs: readonly number[]) =>
    Array.from({ length: count / 2 }, (_, index) => delaysMs[index % delaysMs.length] as number);

  it('is told as over with the next calm look when it was slow once', async () => {
    const { told } = await statesAt([calm, slow, calm, ...seconds(58, calm), slow, calm]);
    expect(told.map(({ state }) => state)).toEqual(['healthy', 'degraded', 'healthy', 'degraded', 'healthy']);
  });

  it('begins anew when the node serves: how slow its start was says nothing about that', async () => {
    const { told } = await statesAt([calm, slow, calm], [slow, calm, slow, calm]);
    expect(told.map(({ state }) => state)).toEqual(['joining', 'healthy', 'degraded', 'healthy']);
  });

  it('stays the reason while it comes back before it was calm for a while', async () => {
    const { told, health } = await statesAt([...seconds(600, slow, calm), calm]);
    expect(told.map(({ state }) => state)).toEqual(['healthy', 'degraded', 'healthy', 'degraded']);
    expect(health).toMatchObject({
      state: 'degraded',
      reasons: [{ what: 'slow_loop', delayMs: slow }],
      eventLoopDelayP99Ms: calm,
    });
  });

  it('must be calm for longer the more often it comes back, a minute at most, until it was calm for a minute more', async () => {
    const delaysMs = [slow, calm];
    for (const calmSeconds of [6, 10, 20, 40, 60, 60]) {
      delaysMs.push(slow);
      expect((await statesAt([...delaysMs, ...seconds(calmSeconds - 2, calm)])).health.state).toBe('degraded');
      delaysMs.push(...seconds(calmSeconds, calm));
      expect((await statesAt(delaysMs)).health).toMatchObject({ state: 'healthy', reasons: [] });
    }
    expect((await statesAt([...delaysMs, ...seconds(60, calm), slow, calm])).health.state).toBe('healthy');
  });

  it('fills no list of events, whatever its rhythm', async () => {
    const rhythms = [2, 4, 10, 30, 58, 60, 62, 64, 90];
    const counts = await Promise.all(
      rhythms.map(async (period) => (await statesAt(seconds(3_600, slow, ...seconds(period, calm)))).told.length),
    );
    // Once there and back a minute, and five times more until it must be calm for that long.
    expect(Math.max(...counts)).toBeLessThanOrEqual(2 * 60 + 2 * 5);
  });
});

describe('the probe of this process', () => {
  const probeOf = (options: Partial<ProbeOptions> = {}) =>
    createProcessSystemProbe({
      dataDirectory: tmpdir(),
      isDatabaseUp: async () => true,
      isBusUp: () => true,
      isRedisUp: () => true,
      isSecretShared: () => true,
      onDiskFault: () => undefined,
      ...options,
    });

  it('finds no room on a disk that it cannot ask any more, and says so', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'peerlink-probe-'));
    const faults: unknown[] = [];
    const probe = probeOf({ dataDirectory, onDiskFault: (fault) => faults.push(fault) });
    const before = await probe.measure();
    rmSync(dataDirectory, { recursive: true });
    const after = await probe.measure();
    probe.close();
    expect(after).toMatchObject({ diskFreeBytes: 0, diskTotalBytes: before.diskTotalBytes, isDatabaseUp: true });
    expect(reasonsOf({ ...after, eventLoopDelayP99Ms: 0 })).toEqual([{ what: 'low_disk', freeBytes: 0 }]);
    expect(faults).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
  });

  it('measures memory that grows', async () => {
    const probe = probeOf();
    const before = (await probe.measure()).memoryBytes;
    // The collector may give some back meanwhile: so blocks are held until the growth is seen, up to 1 GiB.
    const held: Buffer[] = [];
    let after = before;
    while (after < before + 32 * 1024 ** 2 && held.length < 16) {
      held.push(Buffer.alloc(64 * 1024 ** 2, 1));
      after = (await probe.measure()).memoryBytes;
    }
    probe.close();
    expect(after).toBeGreaterThan(before + 32 * 1024 ** 2);
  });

  it('lets a process at rest sleep', async () => {
    const probe = probeOf();
    const turnsInHalfASecond = async () => {
      const before = performance.nodeTiming.uvMetricsInfo.loopCount;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return performance.nodeTiming.uvMetricsInfo.loopCount - before;
    };
    const sleeps = async () => {
      await probe.measure();
      const turns = await turnsInHalfASecond();
      return turns < 20 ? turns : null;
    };
    // Each 10 ms would be 50.
    const turns = await waitFor('a process that sleeps', 20_000, sleeps);
    probe.close();
    expect(turns).toBeLessThan(20);
  }, 30_000);

  it('measures a blocked event loop and the disk', async () => {
    let isUp = true;
    const probe = probeOf({ isDatabaseUp: async () => isUp });
    // On a busy machine the process may need a while to come to rest after its start.
    const isCalm = async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const measured = await probe.measure();
      return measured.eventLoopUse < 0.5 && measured.eventLoopDelayP99Ms < 150 ? measured : null;
    };
    const calm = await waitFor('a calm process', 10_000, isCalm);
    // The histogram needs a turn of the loop before and after the block to see it.
    const block = async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const until = performance.now() + 300;
        while (performance.now() < until) Math.sqrt(until);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    // A process that was at rest is watched from the look on that finds it at work.
    await block();
    await probe.measure();
    await block();
    isUp = false;
    const busy = await probe.measure();
    probe.close();
    expect(busy.eventLoopDelayP99Ms).toBeGreaterThan(200);
    expect(busy.eventLoopDelayP99Ms).toBeGreaterThan(calm.eventLoopDelayP99Ms);
    expect(busy.eventLoopUse).toBeGreaterThan(calm.eventLoopUse);
    expect([calm.isDatabaseUp, busy.isDatabaseUp]).toEqual([true, false]);
    expect(calm.diskTotalBytes).toBeGreaterThan(calm.diskFreeBytes);
    expect(calm.diskFreeBytes).toBeGreaterThan(0);
  });
});
