import type { TransferRepository, TransferRow, TransferWithFiles } from './ports.ts';

/** Rows with all their files, so not many at once. */
const HOMES_A_PAGE = 50;
const REPLICAS_A_PAGE = 100;

/** Transfers that are at home at a node and have not ended, by id, page after page; none is empty. @throws unavailable */
export async function* pagesOfHomes(
  repository: Pick<TransferRepository, 'listByHome'>,
  nodeId: string,
): AsyncGenerator<readonly TransferWithFiles[], void, void> {
  for (let after: string | null = null; ; ) {
    const page: readonly TransferWithFiles[] = await repository.listByHome(nodeId, after, HOMES_A_PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.transfer.id;
  }
}

/** The same, one after the other. */
export async function* homesOn(
  repository: Pick<TransferRepository, 'listByHome'>,
  nodeId: string,
): AsyncGenerator<TransferWithFiles, void, void> {
  for await (const page of pagesOfHomes(repository, nodeId)) yield* page;
}

/** Rows that name a node as replica, by id. @throws unavailable */
export async function* replicasOn(
  repository: Pick<TransferRepository, 'listByReplica'>,
  nodeId: string,
): AsyncGenerator<TransferRow, void, void> {
  for (let after: string | null = null; ; ) {
    const page: readonly TransferRow[] = await repository.listByReplica(nodeId, after, REPLICAS_A_PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}
