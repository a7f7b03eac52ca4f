import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startProcess } from '../support/processes.ts';
import { ROOT } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { Downloader } from './clients/downloader.ts';
import { SteadyPace } from './clients/pace.ts';
import { digestOf } from './clients/pattern.ts';
import { type FaultWorld, startWorld, type WorldNode } from './world/fault-world.ts';
import { type Load, startLoad } from './world/load.ts';
import { PLAN } from './world/plan.ts';
import { report } from './world/report.ts';

const MIB = 1024 * 1024;
const TEST_MS = 300_000;
const DRAIN_MS = 120_000;
/** "No request fails that a client repeats once." */
const ONE_RETRY = 1;
const SIZE_BYTES = (PLAN.isFull ? 64 : 4) * MIB;
const CLIENTS = 10;
/** Each client's: a machine that is busy to the brim would be the fault that is found. */
const PACE_BYTES_PER_SECOND = SIZE_BYTES / (PLAN.isFull ? 2 : 4);

let world: FaultWorld;
let load: Load;
let loads = 0;

/** As an operator does: nothing is left there that is nowhere else, then the node is stopped. */
async function drainAndStop(node: WorldNode): Promise<void> {
  const drain = startProcess(process.execPath, [join(ROOT, 'scripts', 'peerlink.mjs'), 'drain', node.id, '--wait'], {
    env: { ...process.env, DATA_DIR: node.server.dataDirectory },
  });
  const { code } = await drain.exited(DRAIN_MS);
  if (code !== 0) throw new Error(`the drain of ${node.name} ended with ${code}\n${drain.log()}`);
  await stop(node);
}

async function stop(node: WorldNode): Promise<void> {
  expect(await world.stop(node)).toEqual({ code: 0, signal: null });
  await world.settled();
}

/** Every file that was sent is whole at every node that is left. */
async function expectAllThere(): Promise<void> {
  const newest = load.sent.slice(-20);
  for (const { shareId, file } of newest) {
    const name = `afterwards ${shareId}`;
    const ring = world.ring(world.random.pick(world.running()));
    const reader = new Downloader({
      name,
      file,
      shareId,
      ring,
      history: world.history,
      signal: AbortSignal.timeout(30_000),
    });
    expect(await reader.receive()).toBe(await digestOf(file));
  }
}

describe(`under ${CLIENTS} uploads and ${CLIENTS} downloads`, () => {
  beforeAll(async () => {
    world = await startWorld('scaling', { nodes: 3 });
  }, 120_000);

  beforeEach(async () => {
    const pace = () => new SteadyPace(PACE_BYTES_PER_SECOND);
    loads += 1;
    const clients = { uploads: CLIENTS, downloads: CLIENTS, sizeBytes: SIZE_BYTES, pace };
    load = await startLoad(world, `load ${loads}`, clients);
  }, 120_000);

  afterEach(() => load.stop().catch(() => {}), 90_000);

  it(
    'every node is restarted in turn: no failure that one retry does not cure, no wrong byte',
    async () => {
      for (const node of [...world.nodes]) {
        await stop(node);
        await world.restart(node);
        // What lost its copy has one again before the next one goes, as OPERATIONS.md says.
        const { rows } = await waitFor('every transfer has two copies', DRAIN_MS, async () => {
          const found = await world.pool.query<{ count: number }>(
            `SELECT count(*)::int AS count FROM transfers WHERE state = 'sealed' AND replica_state <> 'in_sync'`,
          );
          return (found.rows[0]?.count ?? 1) <= CLIENTS ? found : null;
        });
        expect(rows).toHaveLength(1);
      }
      await load.stop();
      report({ fault: 'a rolling restart', run: 1, files: load.sent.length, mostFailures: load.mostFailures() });
      expect(load.mostFailures()).toBeLessThanOrEqual(ONE_RETRY);
      await expectAllThere();
      expect(await world.faultsFound()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'three nodes become five, and two by drains: no failure that one retry does not cure, no wrong byte',
    async () => {
      await world.grow();
      await world.grow();
      await delay(1_000);
      const [, , third, fourth, fifth] = world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode, WorldNode];
      const leaving = [third, fourth, fifth].sort(() => world.random.below(3) - 1);
      for (const node of leaving) await drainAndStop(node);
      expect(world.running()).toHaveLength(2);
      await load.stop();
      const { sent } = load;
      report({
        fault: 'three nodes become five and two',
        run: 1,
        files: sent.length,
        mostFailures: load.mostFailures(),
      });
      expect(load.mostFailures()).toBeLessThanOrEqual(ONE_RETRY);
      await expectAllThere();
      expect(await world.faultsFound()).toEqual([]);
    },
    TEST_MS,
  );
});
