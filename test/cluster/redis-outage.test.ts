import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/waiting.ts';
import { Downloader } from './clients/downloader.ts';
import { SteadyPace } from './clients/pace.ts';
import { promotionsIn } from './history/check-rows.ts';
import { type FaultWorld, startWorld } from './world/fault-world.ts';
import { type Load, startLoad } from './world/load.ts';
import { PLAN } from './world/plan.ts';
import { report } from './world/report.ts';

const MIB = 1024 * 1024;
const TEST_MS = 120_000 + 3 * PLAN.outageMs;
const CALM_MS = 1_500;
const BACK_MS = 15_000;
const KILLS = PLAN.isFull ? 10 : 2;
const FLUSH_EVERY_MS = PLAN.isFull ? 5_000 : 1_000;
const FLUSHES_MS = PLAN.isFull ? PLAN.outageMs : 3_000;
/** Of each client. Far below what a busy machine still does without a fault: that is what is compared. */
const PACE_BYTES_PER_SECOND = 8 * MIB;

let world: FaultWorld;
let load: Load | null = null;

/** Connections of the nodes; this question's own is not counted. */
async function connectionCount(): Promise<number> {
  const list = String(await world.redis.command('CLIENT', 'LIST'));
  return list.trim().split('\n').length - 1;
}

async function isSessionKnown(cookie: string): Promise<boolean> {
  const answers = await Promise.all(
    world.nodes.map(({ url }) =>
      fetch(`${url}/api/session`, { headers: { cookie }, signal: AbortSignal.timeout(5_000) }),
    ),
  );
  return answers.every(({ status }) => status === 200);
}

/** Runs `outage` under load, and tells how much moved a second before it and during it. */
async function under(name: string, outage: () => Promise<void>): Promise<void> {
  const cookie = await world.cookie('load');
  const before = { pids: world.nodes.map(({ server }) => server.pid), connections: await connectionCount() };
  const promotionsBefore = promotionsIn(await world.audit.transfers());
  const paced = () => new SteadyPace(PACE_BYTES_PER_SECOND);
  load = await startLoad(world, name, {
    uploads: 2,
    downloads: 2,
    sizeBytes: 16 * MIB,
    ...(PLAN.isFull ? {} : { pace: paced }),
  });
  const rateOver = async (act: () => Promise<unknown>) => {
    const [bytes, ms] = [load?.movedBytes() ?? 0, performance.now()];
    await act();
    return ((load?.movedBytes() ?? 0) - bytes) / (performance.now() - ms);
  };
  await delay(CALM_MS);
  const calm = await rateOver(() => delay(PLAN.isFull ? 5 * CALM_MS : CALM_MS));
  const during = await rateOver(outage);
  await load.stop();
  const { sent } = load;
  report({ fault: `Redis ${name}`, run: 1, calmMiBps: (calm * 1000) / MIB, duringMiBps: (during * 1000) / MIB });
  expect(during).toBeGreaterThanOrEqual(calm / 2);

  // Whole again: everybody sees everybody, over as many connections as before.
  await world.settled();
  await waitFor('as many connections as before', BACK_MS, async () => (await connectionCount()) === before.connections);
  expect(world.running().map(({ server }) => server.pid)).toEqual(before.pids);
  expect(await isSessionKnown(cookie)).toBe(true);
  const { shareId, file } = world.random.pick(sent);
  for (const node of world.nodes) {
    const reader = new Downloader({
      name: `${name} afterwards`,
      file,
      shareId,
      ring: world.ring(node),
      history: world.history,
    });
    await reader.receive();
  }
  expect(promotionsIn(await world.audit.transfers())).toBe(promotionsBefore);
  expect(await world.faultsFound()).toEqual([]);
}

describe('while clients send and receive, Redis', () => {
  beforeAll(async () => {
    world = await startWorld('Redis outages', { nodes: 3 });
  }, 120_000);

  afterEach(async () => {
    world.redis.thaw();
    await world.redis.command('PING').catch(() => world.redis.restart());
    await load?.stop().catch(() => {});
    load = null;
  }, 90_000);

  it(
    `is killed and starts empty, ${KILLS} times: connections do not grow, nothing is lost`,
    async () => {
      await under('killed', async () => {
        for (let turn = 0; turn < KILLS; turn += 1) {
          await world.redis.kill9();
          await world.moment(200, 1_500);
          await world.redis.restart();
          await delay(1_000);
        }
      });
    },
    TEST_MS,
  );

  it(
    'is flushed again and again: no session and no share is lost',
    async () => {
      await under('flushed', async () => {
        for (let ms = 0; ms < FLUSHES_MS; ms += FLUSH_EVERY_MS) {
          await world.redis.command('FLUSHALL');
          await delay(FLUSH_EVERY_MS);
        }
      });
    },
    TEST_MS,
  );

  it(
    `is away for ${PLAN.outageMs / 1000} s: uploads and downloads go on, nobody takes a transfer over`,
    async () => {
      await under('away', async () => {
        await world.redis.kill9();
        await delay(PLAN.outageMs);
        await world.redis.restart();
      });
    },
    TEST_MS,
  );

  it(
    `is frozen for ${PLAN.outageMs / 1000} s: the same`,
    async () => {
      await under('frozen', async () => {
        world.redis.freeze();
        await delay(PLAN.outageMs);
        world.redis.thaw();
      });
    },
    TEST_MS,
  );
});
