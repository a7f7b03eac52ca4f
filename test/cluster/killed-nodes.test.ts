import { beforeAll, describe, expect, it } from '@jest/globals';
import { Downloader } from './clients/downloader.ts';
import { digestOf } from './clients/pattern.ts';
import { percentile } from './history/check-operations.ts';
import { type Activity, begin, type Placing } from './world/activities.ts';
import { type FaultWorld, startWorld, type WorldNode } from './world/fault-world.ts';
import { PLAN } from './world/plan.ts';
import { report } from './world/report.ts';

type Victim = 'home' | 'replica' | 'gateway' | 'home that leads';
type Fault = 'kill -9' | 'SIGSTOP';

/** "Clients that resume lose at most 3 s (p95) to a killed node and 10 s to a frozen one." */
const P95_MS = { 'kill -9': 3_000, SIGSTOP: 10_000 } as const;
const MOST_MS = { 'kill -9': 5_000, SIGSTOP: 10_000 } as const;
const FINISH_DEADLINE_MS = 60_000;
const RUN_DEADLINE_MS = 180_000;

/** Once: the home is the one that leads too. */
const VICTIMS: readonly Victim[] = PLAN.isFull
  ? ['home', 'replica', 'gateway', 'home that leads']
  : ['home that leads', 'replica', 'gateway'];
/**
 * All at the same time: they share their home and their gateway, so one strike meets each of them. Replicas are chosen
 * one by one; where every activity is to meet the fault twenty times, each has the strike to itself.
 */
function activitiesFor(victim: Victim): readonly (readonly Activity[])[] {
  return PLAN.isFull && victim === 'replica' ? [['upload'], ['download'], ['live']] : [['upload', 'download', 'live']];
}

let world: FaultWorld;

beforeAll(async () => {
  world = await startWorld('nodes killed and frozen', { nodes: 3 });
}, 120_000);

describe.each<Fault>(['kill -9', 'SIGSTOP'])('%s of a node in the middle of transfers', (fault) => {
  /** Strikes once; resolves to each client's longest standstill. */
  async function strike(victim: Victim, activities: readonly Activity[], run: number): Promise<number[]> {
    const label = `${fault} ${victim} ${activities.join('+')} ${run}`;
    const home = victim === 'home that leads' ? (await world.leader()).node : world.random.pick(world.nodes);
    const elsewhere = world.others(home);
    const gatewayVictim = world.random.pick(elsewhere);
    const placing: Placing = {
      sizeBytes: PLAN.sizeBytes,
      home,
      gateway: () => (victim === 'gateway' ? gatewayVictim : world.random.pick(elsewhere)),
    };
    const underway = await begin(world, activities, label, placing);
    const struck = await victimOf(victim, underway.transferIds, gatewayVictim);
    await underway.go();
    await world.moment(20, 300);
    const sinceMs = performance.now();
    if (fault === 'kill -9') await world.kill(struck);
    else world.freeze(struck);
    const stalls = await underway.finished(FINISH_DEADLINE_MS, sinceMs).finally(async () => {
      if (fault === 'kill -9') await world.restart(struck);
      else world.thaw(struck);
    });
    await world.settled();
    await readAt(struck, label, underway.shares.slice(-1));
    await underway.remove();
    report({ fault: `${fault} of the ${victim}`, run, activities: activities.join('+'), stalls });
    world.explain(stalls, MOST_MS[fault], sinceMs, `${struck.name} was struck`);
    return Object.values(stalls);
  }

  async function victimOf(victim: Victim, transferIds: readonly string[], gateway: WorldNode): Promise<WorldNode> {
    if (victim === 'gateway') return gateway;
    const { home, replica } = await world.ownership(world.random.pick(transferIds));
    return world.byId(victim === 'replica' ? replica : home);
  }

  /** "The thawed node does no harm": what it serves is what was sent. */
  async function readAt(node: WorldNode, label: string, shares: readonly { shareId: string; seed: string }[]) {
    for (const { shareId, seed } of shares) {
      const file = { seed, sizeBytes: PLAN.sizeBytes };
      const name = `${label} afterwards`;
      const reader = new Downloader({ name, file, shareId, ring: world.ring(node), history: world.history });
      expect(await reader.receive()).toBe(await digestOf(file));
    }
  }

  it.each(VICTIMS)(
    'of the %s: clients that resume go on, nothing acknowledged is lost',
    async (victim) => {
      const stalls: number[] = [];
      for (const activities of activitiesFor(victim)) {
        for (let run = 1; run <= PLAN.runs; run += 1) stalls.push(...(await strike(victim, activities, run)));
      }
      expect(await world.faultsFound()).toEqual([]);
      expect(Math.max(...stalls)).toBeLessThanOrEqual(MOST_MS[fault]);
      if (PLAN.isFull) expect(percentile(stalls, 0.95)).toBeLessThanOrEqual(P95_MS[fault]);
    },
    RUN_DEADLINE_MS * PLAN.runs * 3,
  );
});
