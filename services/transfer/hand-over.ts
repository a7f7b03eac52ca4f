import { typeOfFault } from '../contracts/errors.ts';
import type { TransferRepository, TransferWithFiles } from './ports.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Rows with all their files, so not many at once. */
const ROWS_A_PAGE = 50;
/** Each is a request to another node and a conditional update. */
const AT_ONCE = 8;
const TRY_AGAIN_MS = 250;

export interface HandOverPorts {
  readonly engine: Pick<TransferEngine, 'nodeId' | 'adopt' | 'hold' | 'handOver' | 'reportFault'>;
  readonly repository: Pick<TransferRepository, 'listByHome'>;
  /** Whether any other node serves transfers. */
  readonly hasOthers: () => boolean;
  readonly nowMs: () => number;
  readonly delay: (ms: number) => Promise<void>;
}

/**
 * "SIGTERM drains: each transfer goes to its in-sync replica", one attached and filled first where there is none. Goes
 * over this home's rows again and again until none is left or the time is over. Repeatable.
 * @param patienceMs so long bodies that are being received may end before their transfer moves; a body of unknown length
 *   cannot be continued elsewhere, so it is waited for to the end
 * @returns whether nothing is left
 */
export async function handOverHomes(ports: HandOverPorts, limitMs: number, patienceMs: number): Promise<boolean> {
  const startedAtMs = ports.nowMs();
  const isOver = () => ports.nowMs() - startedAtMs >= limitMs;
  for (;;) {
    const isPatient = ports.nowMs() - startedAtMs < patienceMs;
    const left = await passOver(ports, isPatient, isOver).catch((fault: unknown) => {
      ports.engine.reportFault('hand over', fault);
      return 1;
    });
    if (left === 0) return true;
    if (isOver() || !ports.hasOthers()) return false;
    await ports.delay(TRY_AGAIN_MS);
  }
}

/** One pass; answers how many are still at home here. */
async function passOver(ports: HandOverPorts, isPatient: boolean, isOver: () => boolean): Promise<number> {
  const { engine, repository } = ports;
  let left = 0;
  for (let after: string | null = null; ; ) {
    const page: readonly TransferWithFiles[] = await repository.listByHome(engine.nodeId, after, ROWS_A_PAGE);
    const queue = [...page];
    const worker = async () => {
      for (let found = queue.pop(); found !== undefined; found = queue.pop()) {
        if (isOver() || !(await moveOne(ports, engine.adopt(found), isPatient))) left += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const last = page.at(-1);
    if (last === undefined) return left;
    after = last.transfer.id;
  }
}

/** Whether the transfer is another node's now, or over. */
async function moveOne(ports: HandOverPorts, transfer: RunningTransfer, isPatient: boolean): Promise<boolean> {
  const { engine } = ports;
  const release = engine.hold(transfer);
  try {
    if (transfer.row.replicaState !== 'in_sync') await transfer.home?.secure();
    if (isGone(transfer, engine.nodeId)) return true;
    const isWaitedFor = transfer.bodyCount > 0 && (isPatient || transfer.files.some((file) => file.hasSequentialBody));
    if (transfer.row.replicaState !== 'in_sync' || isWaitedFor) return false;
    await engine.handOver(transfer);
    return isGone(transfer, engine.nodeId);
  } catch (fault) {
    // The replica does not answer, or the database: the next pass tries again, with another replica where there is one.
    const { replicaNodeId } = transfer.row;
    if (replicaNodeId !== null && typeOfFault(fault) === 'unavailable') {
      await transfer.home
        ?.replaceReplica(replicaNodeId)
        .catch((cause: unknown) => engine.reportFault('hand over', cause));
    }
    if (typeOfFault(fault) !== 'unavailable') engine.reportFault('hand over', fault);
    return isGone(transfer, engine.nodeId);
  } finally {
    release();
  }
}

function isGone({ row }: RunningTransfer, nodeId: string): boolean {
  return row.homeNodeId !== nodeId || row.state === 'ended';
}
