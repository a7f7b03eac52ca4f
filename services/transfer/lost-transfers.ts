import { PeerLinkError, typeOfFault } from '../contracts/errors.ts';
import type { TransferState } from '../contracts/http.ts';
import type { LossCounts } from '../contracts/operator.ts';
import type { TransferRepository } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** The next turn goes on. */
const LOST_A_TURN = 500;

/** A transfer that nobody can go on with: its home was given up, and so was its replica in sync, if it had one. */
export interface LostTransfer {
  readonly id: string;
  readonly state: TransferState;
}

/** Rows of transfers beside those of nodes that an operator gave up on. Throws `unavailable` when it cannot answer. */
export interface LostTransfers {
  /** What is lost when this node is given up, beside those that are already. */
  count(nodeId: string): Promise<LossCounts>;
  /** Not ended, those that are open first. */
  list(limit: number): Promise<readonly LostTransfer[]>;
  /** state = ended, epoch + 1 for those of them that still are lost. @returns how many this call ended */
  end(ids: readonly string[]): Promise<number>;
}

/** "No second copy: what is open ends at once." Repeatable. @returns how many ended. @throws unavailable */
export async function endLostOpen(lost: LostTransfers): Promise<number> {
  for (let endedCount = 0; ; ) {
    const count = await end(lost, await lost.list(LOST_A_TURN), 'open');
    endedCount += count;
    if (count < LOST_A_TURN) return endedCount;
  }
}

export interface SettlePorts {
  readonly lost: LostTransfers;
  /** Every node there is, this one too, but those that were given up. @throws unavailable */
  readonly nodeIds: () => Promise<readonly string[]>;
  /** `rescueSealed` at a node. @throws when it did not look at all of them */
  readonly rescue: (nodeId: string, transferIds: readonly string[]) => Promise<unknown>;
}

/**
 * The leader's turn, every 10 s: ends what is open and lost, also what became so after its home was given up, and what is
 * sealed and lost once every node that is left has looked whether it holds all of it. One that does not answer may: until it
 * does, or is given up too, nothing that is sealed ends.
 * @returns how many ended. @throws unavailable
 */
export async function settleLost({ lost, nodeIds, rescue }: SettlePorts): Promise<number> {
  const found = await lost.list(LOST_A_TURN);
  const endedCount = await end(lost, found, 'open');
  const sealed = idsOf(found, 'sealed');
  if (sealed.length === 0) return endedCount;
  const looked = await Promise.allSettled((await nodeIds()).map((nodeId) => rescue(nodeId, sealed)));
  if (looked.some(({ status }) => status === 'rejected')) return endedCount;
  return endedCount + (await end(lost, found, 'sealed'));
}

async function end(lost: LostTransfers, found: readonly LostTransfer[], wanted: TransferState): Promise<number> {
  const ids = idsOf(found, wanted);
  return ids.length === 0 ? 0 : lost.end(ids);
}

const idsOf = (found: readonly LostTransfer[], wanted: TransferState): readonly string[] =>
  found.filter(({ state }) => state === wanted).map(({ id }) => id);

export interface RescuePorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'cas'>;
  /** Whether an operator gave up on a node. @throws unavailable */
  readonly isGivenUp: (nodeId: string) => Promise<boolean>;
  readonly onRescued: (transferId: string) => void;
}

/**
 * At each node, when the leader asks: it becomes home of those of these sealed transfers that it holds whole and verified.
 * No byte of them changes any more, so there is no commit of the old home that could be lost, and the epoch fences it.
 * @throws when not all could be looked at: then nobody may say that this node has none of them
 */
export async function rescueSealed(ports: RescuePorts, transferIds: readonly string[]): Promise<void> {
  const { engine } = ports;
  for (const id of transferIds) {
    if (engine.isClosed) throw unsure();
    const transfer = await engine.load(id);
    const release = engine.hold(transfer);
    try {
      await engine.reread(transfer);
      await rescueOne(ports, transfer);
    } finally {
      release();
    }
  }
}

async function rescueOne(ports: RescuePorts, transfer: RunningTransfer): Promise<void> {
  const { engine, repository } = ports;
  const { id, epoch, homeNodeId, state } = transfer.row;
  if (state !== 'sealed' || homeNodeId === engine.nodeId) return;
  for (const file of transfer.files) if (!(await holdsVerified(engine, transfer, file))) return;
  // It is back, which is known here first.
  if (!(await ports.isGivenUp(homeNodeId))) throw unsure();
  const change = { homeNodeId: engine.nodeId, replicaNodeId: null, replicaState: 'none' } as const;
  const row = await repository.cas(id, epoch, change);
  if (row === null) throw unsure();
  await engine.obey(transfer, row);
  ports.onRescued(id);
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

function unsure(): PeerLinkError {
  return new PeerLinkError('unavailable', 'This node could not look at everything. Ask again.', {
    retryAfterSeconds: 1,
  });
}
