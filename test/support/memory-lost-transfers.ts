import type { LostTransfers } from '../../services/transfer/lost-transfers.ts';
import type { TransferRow } from '../../services/transfer/ports.ts';
import type { MemoryTransferRepository } from './memory-transfers.ts';

/** The statements of LostTransfers over a repository in memory, and the nodes that were given up. */
export class MemoryLostTransfers implements LostTransfers {
  readonly givenUp = new Set<string>();
  readonly #repository: Pick<MemoryTransferRepository, 'listByHome' | 'listByReplica' | 'end'>;

  constructor(repository: Pick<MemoryTransferRepository, 'listByHome' | 'listByReplica' | 'end'>) {
    this.#repository = repository;
  }

  async count(nodeId: string) {
    const gone = new Set([...this.givenUp, nodeId]);
    const home = await this.#atHome(nodeId);
    const named = await this.#repository.listByReplica(nodeId, null, Number.POSITIVE_INFINITY);
    const copies = named.filter(({ replicaState }) => replicaState === 'in_sync');
    const lost = [...home, ...copies].filter((row) => isLost(row, gone));
    return {
      homeCount: home.length,
      openLostCount: lost.filter(({ state }) => state === 'open').length,
      sealedLostCount: lost.filter(({ state }) => state === 'sealed').length,
      copyCount: copies.filter(({ homeNodeId }) => !gone.has(homeNodeId)).length,
    };
  }

  async list(state: 'open' | 'sealed', afterId: string, limit: number): Promise<readonly string[]> {
    const ids = (await this.#lost()).filter((row) => row.state === state).map(({ id }) => id);
    return ids
      .sort()
      .filter((id) => id > afterId)
      .slice(0, limit);
  }

  async end(ids: readonly string[]): Promise<number> {
    const lost = (await this.#lost()).filter(({ id }) => ids.includes(id));
    for (const { id } of lost) await this.#repository.end(id, 'node_lost');
    return lost.length;
  }

  async #lost(): Promise<readonly TransferRow[]> {
    const homes = await Promise.all([...this.givenUp].map((nodeId) => this.#atHome(nodeId)));
    return homes.flat().filter((row) => isLost(row, this.givenUp));
  }

  async #atHome(nodeId: string): Promise<readonly TransferRow[]> {
    const found = await this.#repository.listByHome(nodeId, null, Number.POSITIVE_INFINITY);
    return found.map(({ transfer }) => transfer);
  }
}

function isLost({ homeNodeId, replicaNodeId, replicaState }: TransferRow, gone: ReadonlySet<string>): boolean {
  const hasOther = replicaState === 'in_sync' && replicaNodeId !== null && !gone.has(replicaNodeId);
  return gone.has(homeNodeId) && !hasOther;
}
