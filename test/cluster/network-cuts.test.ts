import { beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/waiting.ts';
import { Downloader } from './clients/downloader.ts';
import { digestOf } from './clients/pattern.ts';
import { begin, type Placing } from './world/activities.ts';
import { type FaultWorld, startWorld, type WorldNode } from './world/fault-world.ts';
import { type Bridge, makeBridge, type Namespace } from './world/namespaces.ts';
import { PLAN } from './world/plan.ts';
import { report } from './world/report.ts';

const FINISH_DEADLINE_MS = 60_000;
const TEST_MS = 180_000;
/** A node that is cut off looks frozen. */
const MOST_MS = 10_000;
const LEADER_MS = 10_000;
/** The server's choice for files of this size. */
const CHUNK_BYTES = 1024 * 1024;

interface Roles {
  readonly home: WorldNode;
  readonly replica: WorldNode;
  readonly third: WorldNode;
}

/** Who is cut from whom, and whether the transfers must, or must not, get another home. */
interface Cut {
  readonly name: string;
  readonly make: (roles: Roles) => void;
  readonly homeMoves: true | false | 'either';
  /** Without PostgreSQL a transfer cannot be sealed: the cut heals once every chunk is committed. */
  readonly isSealLater?: boolean;
}

let world: FaultWorld;
let bridge: Bridge;

const placeOf = (node: WorldNode): Namespace => bridge.namespaces[world.nodes.indexOf(node)] as Namespace;

function cut(a: WorldNode, b: WorldNode): void {
  placeOf(a).cutFrom(placeOf(b).host);
  placeOf(b).cutFrom(placeOf(a).host);
}

const cutFromDatabase = (node: WorldNode) => placeOf(node).cutFrom(bridge.host, world.ports.database);
const cutFromRedis = (node: WorldNode) => placeOf(node).cutFrom(bridge.host, world.ports.redis);

function cutFromAll(node: WorldNode): void {
  for (const other of world.others(node)) cut(node, other);
  placeOf(node).cutFrom(bridge.host);
}

const heal = () => {
  for (const namespace of bridge.namespaces) namespace.heal();
};

const CUTS: readonly Cut[] = [
  {
    name: 'the home from its replica, both reach PostgreSQL: one of them wins, nothing is lost',
    make: ({ home, replica }) => cut(home, replica),
    homeMoves: 'either',
  },
  {
    name: 'the home from everything: its replica takes over',
    make: ({ home }) => cutFromAll(home),
    homeMoves: true,
  },
  {
    name: 'the home from PostgreSQL: it goes on committing with its replica',
    make: ({ home }) => cutFromDatabase(home),
    homeMoves: false,
    isSealLater: true,
  },
  {
    name: 'the home from PostgreSQL and from its replica: it cannot commit, so the replica may take over',
    make: ({ home, replica }) => {
      cut(home, replica);
      cutFromDatabase(home);
    },
    homeMoves: true,
  },
  {
    name: 'a gateway from the home only: its clients turn to another node, the home stays',
    make: ({ home, third }) => cut(home, third),
    homeMoves: false,
  },
  {
    name: 'every node from Redis: nobody takes a transfer over',
    make: () => world.nodes.forEach(cutFromRedis),
    homeMoves: false,
  },
];

/** Only root on Linux can make namespaces. */
const CAN_CUT = process.getuid?.() === 0 && process.platform === 'linux';

if (!CAN_CUT) {
  it('drops no packets here: only root on Linux can, and the model test has the same cases', () => {
    expect(makeBridge(3)).toBeNull();
  });
} else
  describe('packets are dropped between', () => {
    beforeAll(async () => {
      bridge = makeBridge(3) as Bridge;
      world = await startWorld('network cuts', { nodes: 3, bridge });
    }, 120_000);

    it.each(CUTS)(
      '$name',
      async (one) => {
        for (let run = 1; run <= (PLAN.isFull ? Math.min(PLAN.runs, 5) : 1); run += 1) await strike(one, run);
        expect(await world.faultsFound()).toEqual([]);
      },
      TEST_MS * 5,
    );

    async function strike({ name, make, homeMoves, isSealLater = false }: Cut, run: number): Promise<void> {
      const label = `cut ${CUTS.findIndex((one) => one.name === name) + 1} run ${run}`;
      const home = world.random.pick(world.nodes);
      const placing: Placing = {
        sizeBytes: PLAN.sizeBytes,
        home,
        gateway: () => world.random.pick(world.others(home)),
      };
      const underway = await begin(world, ['upload'], label, placing);
      const [transferId = ''] = underway.transferIds;
      const before = await world.ownership(transferId);
      const replica = world.byId(before.replica);
      const roles = {
        home: world.byId(before.home),
        replica,
        third: world.others(world.byId(before.home), replica)[0] as WorldNode,
      };
      underway.turnTo(roles.third);
      await underway.go();
      const sinceMs = performance.now();
      let stalls: Record<string, number>;
      try {
        make(roles);
        if (isSealLater) {
          const all = PLAN.sizeBytes / CHUNK_BYTES;
          await waitFor('every chunk is committed', FINISH_DEADLINE_MS, () => underway.acknowledgedChunks() >= all);
          expect((await world.ownership(transferId)).home).toBe(before.home);
          heal();
        }
        stalls = await underway.finished(FINISH_DEADLINE_MS, sinceMs);
        const after = await world.ownership(transferId);
        if (homeMoves !== 'either') expect(after.home === before.home).toBe(!homeMoves);
      } finally {
        heal();
      }
      await world.settled();
      for (const { shareId, seed } of underway.shares) {
        const file = { seed, sizeBytes: PLAN.sizeBytes };
        for (const node of world.nodes) {
          const reader = new Downloader({
            name: `${label} at ${node.name}`,
            file,
            shareId,
            ring: world.ring(node),
            history: world.history,
          });
          expect(await reader.receive()).toBe(await digestOf(file));
        }
      }
      await underway.remove();
      report({ fault: `cut: ${name}`, run, stalls });
      world.explain(stalls, MOST_MS, sinceMs, `home ${roles.home.name}, replica ${roles.replica.name}`);
      expect(Math.max(...Object.values(stalls))).toBeLessThanOrEqual(MOST_MS);
    }

    it(
      'the leader and everything: another one leads, and no epoch has two holders',
      async () => {
        const { node, epoch } = await world.leader();
        cutFromAll(node);
        const sinceMs = performance.now();
        try {
          const next = await waitFor('another node leads', LEADER_MS, async () => {
            const leader = await world.leader();
            return leader.epoch > epoch && leader.node !== node ? leader : null;
          });
          report({
            fault: 'cut: the leader from everything',
            run: 1,
            replacedAfterMs: Math.round(performance.now() - sinceMs),
          });
          // A follower that is cut off changes nothing.
          const [follower] = world.others(node, next.node) as [WorldNode];
          heal();
          await world.settled();
          cutFromAll(follower);
          await world.moment(3_000, 4_000);
          expect((await world.leader()).epoch).toBe(next.epoch);
        } finally {
          heal();
        }
        await world.settled();
        expect(await world.faultsFound()).toEqual([]);
      },
      TEST_MS,
    );
  });
