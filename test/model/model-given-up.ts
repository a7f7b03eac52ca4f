import type { LostTransfers } from '../../services/transfer/lost-transfers.ts';
import { rescueSealed, settleLost } from '../../services/transfer/lost-transfers.ts';
import type { Ask, ModelProcess, ModelWorld } from './model-node.ts';
import { type CallDatabase, callOf } from './model-rows.ts';

const ANNOUNCE_MS = 10_000;
const SETTLE_MS = 10_000;

function databaseOf(world: ModelWorld, process: ModelProcess): CallDatabase {
  return callOf(world.scheduler, process, process.name, world.databaseWay(process.node.id));
}

/** Who is given up, as this process reads it. @throws unavailable */
export function givenUpOf(world: ModelWorld, process: ModelProcess): Promise<ReadonlySet<string>> {
  return databaseOf(world, process)('nodes', () => new Set(world.rows.givenUp));
}

/** What a node does about those that an operator gave up on, and that it is there itself. Each one acts as the leader would. */
export function heedOperator(world: ModelWorld, process: ModelProcess, ask: Ask): void {
  const { scheduler, rows } = world;
  const call = databaseOf(world, process);
  const announce = () => {
    call('announce', () => rows.givenUp.delete(process.node.id)).catch(() => {});
    scheduler.at(ANNOUNCE_MS, '', process, announce);
  };
  announce();
  const lost: LostTransfers = {
    count: () => Promise.reject(new Error('nobody asks')),
    list: (state) =>
      call(`list lost`, () =>
        rows
          .lost()
          .filter((row) => row.state === state)
          .map(({ id }) => id),
      ),
    end: (ids) =>
      call('end lost', () => {
        const ended = rows.lost().filter(({ id }) => ids.includes(id));
        for (const { id } of ended) rows.end(id);
        if (ended.length > 0) scheduler.note(`${process.name} ends ${ended.map(({ id }) => id)}, lost`);
        return ended.length;
      }),
  };
  const settle = () => {
    void settleLost({
      lost,
      nodeIds: () => call('nodes', () => world.nodes.map(({ id }) => id).filter((id) => !rows.givenUp.has(id))),
      rescue: (nodeId, ids) => ask(world, process, nodeId, 'rescue', (other) => rescueAt(world, other, ids)),
      isClosed: () => process.engine.isClosed,
      onAwaited: () => {},
    })
      .catch(() => {}) // The database is away.
      .finally(() => scheduler.at(SETTLE_MS, '', process, settle));
  };
  scheduler.at(SETTLE_MS, '', process, settle);
}

async function rescueAt(world: ModelWorld, process: ModelProcess, ids: readonly string[]) {
  const { engine, repository } = process;
  const isGivenUp = async (nodeId: string) => (await givenUpOf(world, process)).has(nodeId);
  const onRescued = (id: string) => world.scheduler.note(`${process.name} rescues ${id}`);
  return await rescueSealed({ engine, repository, isGivenUp, onRescued, onFault: () => {} }, ids);
}
