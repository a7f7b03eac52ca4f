import type { ClusterRepository } from './ports.ts';

export interface SuggestionDeps {
  readonly repository: Pick<ClusterRepository, 'singleCopies'>;
  /** Nodes that answer the bus and serve transfers. */
  readonly nodeIds: () => readonly string[];
  /** Asks a home to look at a transfer of its own, which attaches what is missing. */
  readonly replicate: (homeNodeId: string, transferId: string) => Promise<unknown>;
}

/** A turn every five seconds: four a second, so that a node that comes back is not buried in copies. */
export const COPIES_SUGGESTED_A_TURN = 20;

/**
 * Homes that nobody asks for anything do not look at their transfers; the leader asks for the copy that is missing. Each
 * turn goes on where the last one ended, so that one home that cannot does not keep the others waiting.
 * @returns one turn, which resolves to how many homes took the suggestion
 */
export function createCopySuggestions({ repository, nodeIds, replicate }: SuggestionDeps): () => Promise<number> {
  let after = '';
  return async () => {
    const here = nodeIds();
    // Alone there is nobody to copy to.
    if (here.length < 2) return 0;
    const found = await repository.singleCopies(after, COPIES_SUGGESTED_A_TURN);
    after = found.length < COPIES_SUGGESTED_A_TURN ? '' : (found.at(-1)?.id ?? '');
    const asked = found.filter(({ homeNodeId }) => here.includes(homeNodeId));
    const answers = await Promise.allSettled(asked.map(({ id, homeNodeId }) => replicate(homeNodeId, id)));
    return answers.filter(({ status }) => status === 'fulfilled').length;
  };
}
