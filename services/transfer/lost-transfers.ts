import { PeerLinkError, typeOfFault } from '../contracts/errors.ts';
import type { LossCounts } from '../contracts/operator.ts';
import { inBatches } from '../kernel/batches.ts';
import type { ChunkStore, TransferRepository } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** In one statement, and in one question to a node. */
const LOST_AT_ONCE = 500;
const FILES_A_QUERY = 500;

/**
 * Rows of transfers that nobody can go on with: an operator gave up on the home, and on the replica in sync if there is one.
 * Throws `unavailable` when it cannot answer.
 */
export interface LostTransfers {
  /** What is lost when this node is given up, beside those that are already. */
  count(nodeId: string): Promise<LossCounts>;
  /** Ids behind this one, ascending. */
  list(state: 'open' | 'sealed', afterId: string, limit: number): Promise<readonly string[]>;
  /** state = ended, epoch + 1 for those of them that still are lost. @returns how many this call ended */
  end(ids: readonly string[]): Promise<number>;
}

/** "No second copy: what is open ends at once." Repeatable. @returns how many ended. @throws unavailable */
export async function endLostOpen(lost: LostTransfers): Promise<number> {
  let endedCount = 0;
  for await (const ids of pagesOf(lost, 'open')) endedCount += await lost.end(ids);
  return endedCount;
}

async function* pagesOf(lost: LostTransfers, state: 'open' | 'sealed'): AsyncGenerator<readonly string[], void, void> {
  for (let afterId: string | undefined = ''; afterId !== undefined; ) {
    const ids: readonly string[] = await lost.list(state, afterId, LOST_AT_ONCE);
    if (ids.length > 0) yield ids;
    afterId = ids.length < LOST_AT_ONCE ? undefined : ids.at(-1);
  }
}

export interface SettlePorts {
  readonly lost: LostTransfers;
  /** Every node there is, this one too, but those that were given up. @throws unavailable */
  readonly nodeIds: () => Promise<readonly string[]>;
  /** `rescueSealed` at a node, or `heldHere` where that cannot run. @returns those that must not end yet. @throws when it did not look */
  readonly rescue: (nodeId: string, transferIds: readonly string[]) => Promise<readonly string[]>;
  /** This process is being stopped. */
  readonly isClosed: () => boolean;
  /** Nodes for which something that is sealed waits; none when nothing waits any more. */
  readonly onAwaited: (nodeIds: readonly string[]) => void;
}

/**
 * The leader's turn, every 10 s: ends what is open and lost, also what became so after its home was given up, and what is
 * sealed and lost once every node that is left has looked whether it holds all of it. One that does not answer may: until it
 * does, or is given up too, nothing that is sealed ends. It is asked once a turn, so it keeps nobody from finding the rest.
 * @returns how many ended. @throws unavailable
 */
export async function settleLost({ lost, nodeIds, rescue, isClosed, onAwaited }: SettlePorts): Promise<number> {
  let endedCount = await endLostOpen(lost);
  const silent = new Set<string>();
  const awaited = new Set<string>();
  for await (const ids of pagesOf(lost, 'sealed')) {
    if (isClosed()) return endedCount;
    const kept = new Set<string>();
    const look = async (nodeId: string) => {
      const held = silent.has(nodeId) ? ids : await rescue(nodeId, ids).catch(() => null);
      if (held === null) silent.add(nodeId);
      if (held === null || held.length > 0) awaited.add(nodeId);
      for (const id of held ?? ids) kept.add(id);
    };
    await Promise.all((await nodeIds()).map(look));
    const ending = ids.filter((id) => !kept.has(id));
    if (ending.length > 0) endedCount += await lost.end(ending);
  }
  onAwaited([...awaited].sort());
  return endedCount;
}

export interface RescuePorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'cas'>;
  /** Whether an operator gave up on a node. @throws unavailable */
  readonly isGivenUp: (nodeId: string) => Promise<boolean>;
  readonly onRescued: (transferId: string) => void;
  /** Why it could not look at one. */
  readonly onFault: (fault: unknown) => void;
}

/**
 * At each node, when the leader asks: it becomes home of those of these sealed transfers that it holds whole and verified.
 * No byte of them changes any more, so there is no commit of the old home that could be lost, and the epoch fences it.
 * @returns those of which nobody may say yet that this node has none of them: one that cannot be read keeps no other waiting
 * @throws unavailable when the rows cannot be read
 */
export async function rescueSealed(ports: RescuePorts, transferIds: readonly string[]): Promise<readonly string[]> {
  const { engine } = ports;
  const unsure: string[] = [];
  for (const [at, id] of transferIds.entries()) {
    if (engine.isClosed) return [...unsure, ...transferIds.slice(at)];
    const transfer = await engine.load(id);
    const release = engine.hold(transfer);
    try {
      await engine.reread(transfer);
      if (!(await isSettledHere(ports, transfer))) unsure.push(id);
    } finally {
      release();
    }
  }
  return unsure;
}

/**
 * Who asks gives up sooner than a look may end, and asks again a little later: that is refused, else the same looks would
 * wait behind each other, more with each turn. What the first one finds is there when it is asked again. @throws busy
 */
export function oneAtATime(
  look: (transferIds: readonly string[]) => Promise<readonly string[]>,
): (transferIds: readonly string[]) => Promise<readonly string[]> {
  let isLooking = false;
  return async (transferIds) => {
    if (isLooking) throw new PeerLinkError('busy', 'An earlier question is still being answered.');
    isLooking = true;
    try {
      return await look(transferIds);
    } finally {
      isLooking = false;
    }
  };
}

async function isSettledHere(ports: RescuePorts, transfer: RunningTransfer): Promise<boolean> {
  const { engine, repository } = ports;
  const { id, epoch, homeNodeId, state } = transfer.row;
  if (state !== 'sealed' || homeNodeId === engine.nodeId) return true;
  try {
    for (const file of transfer.files) if (!(await holdsVerified(engine, transfer, file))) return true;
  } catch (fault) {
    ports.onFault(fault);
    return false;
  }
  // It is back, which is known here first.
  if (!(await ports.isGivenUp(homeNodeId))) return false;
  const change = { homeNodeId: engine.nodeId, replicaNodeId: null, replicaState: 'none' } as const;
  const row = await repository.cas(id, epoch, change);
  if (row === null) return false;
  await engine.obey(transfer, row);
  ports.onRescued(id);
  return true;
}

export interface HeldPorts {
  readonly store: Pick<ChunkStore, 'list'>;
  readonly repository: Pick<TransferRepository, 'fateOfFiles'>;
}

/**
 * At a node whose transfer service does not run: it cannot become home of anything, and must not keep everybody waiting for
 * what it has not. @returns those of these transfers of which any bytes are stored here. @throws unavailable
 */
export async function heldHere(
  { store, repository }: HeldPorts,
  transferIds: readonly string[],
): Promise<readonly string[]> {
  const asked = new Set(transferIds);
  const held = new Set<string>();
  for await (const fileIds of inBatches(store.list(), FILES_A_QUERY))
    for (const { transferId } of (await repository.fateOfFiles(fileIds)).values())
      if (asked.has(transferId)) held.add(transferId);
  return [...held];
}

/** Its values merge to the digest, and after a boot its bytes have their values. @throws what keeps it from being looked at */
async function holdsVerified(engine: TransferEngine, transfer: RunningTransfer, file: RunningFile): Promise<boolean> {
  if (file.row.sizeBytes === 0) return true;
  try {
    const copy = await engine.useCopy(transfer, file, 'read');
    copy?.release();
    if (copy === null) return false;
    const use = await engine.useFile(transfer, file, 'read');
    use?.release();
    return use !== null && use.stored.values.count >= (file.chunkCount ?? Number.POSITIVE_INFINITY);
  } catch (fault) {
    if (typeOfFault(fault) === 'damaged') return false;
    throw fault;
  }
}
