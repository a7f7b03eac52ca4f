import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRoom, personAt, type TestPerson } from '../support/people.ts';
import type { TestRedis } from '../support/redis.ts';
import { type GuardedRedis, startSentinels } from '../support/sentinels.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { SteadyPace } from './clients/pace.ts';
import { promotionsIn } from './history/check-rows.ts';
import { type FaultWorld, startWorld } from './world/fault-world.ts';
import { startLoad } from './world/load.ts';

const MIB = 1024 * 1024;
const START_MS = 120_000;
const TEST_MS = 60_000;
const HEARD_MS = 10_000;
const PACE_BYTES_PER_SECOND = 8 * MIB;
const PASSWORDS = { password: 'a password of Redis', sentinelPassword: 'another one of the sentinels' };
/** Of each node: for requests, for hints, and the two of the bus. */
const CONNECTIONS = 4;

let redis: GuardedRedis;
let world: FaultWorld;
let primary: TestRedis;
/** One at each node. */
let anna: TestPerson;
let ben: TestPerson;

beforeAll(async () => {
  redis = await startSentinels(PASSWORDS);
  primary = redis.servers[0];
  world = await startWorld('sentinels', {
    nodes: 2,
    redis: primary,
    env: {
      REDIS_HOST: undefined,
      REDIS_PORT: undefined,
      REDIS_SENTINELS: redis.addresses,
      REDIS_PASSWORD: PASSWORDS.password,
      REDIS_SENTINEL_PASSWORD: PASSWORDS.sentinelPassword,
    },
  });
  const [first, second] = world.cluster.nodes as [TestServer, TestServer];
  const room = await newRoom(first);
  await redis.settled();
  anna = await personAt(first, 'Anna', room);
  ben = await personAt(second, 'Ben', room);
}, START_MS);

afterAll(() => {
  for (const person of [anna, ben]) person?.disconnect();
  for (const server of redis?.servers ?? []) server.thaw();
  for (const sentinel of redis?.sentinels ?? []) sentinel.signal('SIGCONT');
});

const isSessionKnown = async (cookie: string): Promise<boolean> => {
  const answers = await Promise.all(world.nodes.map(({ url }) => fetch(`${url}/api/session`, { headers: { cookie } })));
  return answers.every(({ status }) => status === 200);
};

/** Lets the primary fail while clients send and receive, and looks whether all goes on with the one that is promoted. */
async function failOver(name: string, fail: () => Promise<void>): Promise<void> {
  const pids = world.nodes.map(({ server }) => server.pid);
  const promotions = promotionsIn(await world.audit.transfers());
  const cookie = await world.cookie('load');
  const pace = () => new SteadyPace(PACE_BYTES_PER_SECOND);
  const load = await startLoad(world, name, { uploads: 1, downloads: 1, sizeBytes: 8 * MIB, pace });
  const firstBytes = load.movedBytes();
  await waitFor('clients are at work', HEARD_MS, () => load.movedBytes() > firstBytes + MIB);
  const [beganMs, movedBytes] = [performance.now(), load.movedBytes()];
  const tookMs = () => Math.round(performance.now() - beganMs);

  await fail();
  primary = await redis.promotedInsteadOf(primary);
  const promotedAfterMs = tookMs();
  expect(load.movedBytes()).toBeGreaterThan(movedBytes);
  await world.settled();
  const text = `the primary was ${name}`;
  await anna.ask('POST', '/api/texts', { to: [ben.id], text });
  await waitFor('Ben, at the other node, is told', HEARD_MS, () =>
    ben.inbox.items.some((item) => item.kind === 'text' && item.text === text),
  );
  process.stderr.write(`sentinels: ${JSON.stringify({ name, promotedAfterMs, wholeAfterMs: tookMs() })}\n`);
  await load.stop();

  await waitFor('every connection of the nodes leads there, once', HEARD_MS, async () => {
    const clients = String(await primary.command('CLIENT', 'LIST'));
    return clients.match(/ name=peerlink/g)?.length === CONNECTIONS * world.nodes.length;
  });
  expect(world.nodes.map(({ server }) => server.pid)).toEqual(pids);
  expect(await isSessionKnown(cookie)).toBe(true);
  expect(promotionsIn(await world.audit.transfers())).toBe(promotions);
  expect(await world.faultsFound()).toEqual([]);
}

describe('while clients send and receive, the primary that sentinels guard, with passwords on all of them,', () => {
  it('is killed: nodes go on with the one that is promoted', () => failOver('killed', () => primary.kill9()), TEST_MS);

  it(
    'is frozen, and so is the first sentinel: the same',
    () =>
      failOver('frozen', async () => {
        redis.sentinels[0]?.signal('SIGSTOP');
        primary.freeze();
      }),
    TEST_MS,
  );
});
