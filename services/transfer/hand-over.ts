import { typeOfFault } from '../contracts/errors.ts';
import type { TransferRepository } from './ports.ts';
import { pagesOfHomes } from './row-pages.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Each is a request to another node and a conditional update; or, where there is no second copy, the filling of one. */
const AT_ONCE = 8;
const TRY_AGAIN_MS = 250;
/** Between passes that move nothing: each reads every row that is left. */
const MAX_TRY_AGAIN_MS = 1_000;
/** Pings of a replica's node fail at both ends of so long a time: only then it is no longer waited for. */
const GIVEN_UP_AFTER_MS = 3_000;

export interface HandOverPorts {
  readonly engine: Pick<TransferEngine, 'nodeId' | 'adopt' | 'hold' | 'handOver' | 'reportFault'>;
  readonly repository: Pick<TransferRepository, 'listByHome'>;
  /** Whether any other node serves transfers. */
  readonly hasOthers: () => boolean;
  /** Whether a node's data port answers a ping, whatever else it may refuse. */
  readonly answers: (nodeId: string) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** What one emptying of this node goes by. */
interface Emptying {
  readonly ports: HandOverPorts;
  readonly isOver: () => boolean;
  readonly isPatient: () => boolean;
  readonly silent: SilentNodes;
}

/** Tries to move one transfer; whether it is another node's now, or over. */
type Move = (emptying: Emptying, transfer: RunningTransfer) => Promise<boolean>;

/**
 * "SIGTERM drains: each transfer goes to its in-sync replica", one attached and filled first where there is none. Goes
 * over this home's rows again and again until none is left or the time is over: what has a second copy never waits for
 * what is being given one. Repeatable.
 * @param limitMs it resolves by then, whatever is still under way
 * @param patienceMs so long bodies that are being received may end before their transfer moves; a body of unknown length
 *   cannot be continued elsewhere, so it is waited for to the end
 * @returns whether nothing is left
 */
export async function handOverHomes(ports: HandOverPorts, limitMs: number, patienceMs: number): Promise<boolean> {
  const startedAtMs = ports.nowMs();
  const end = new AbortController();
  const late = ports.delay(limitMs, end.signal).then(
    () => false,
    () => false,
  );
  const emptying: Emptying = {
    ports,
    isOver: () => end.signal.aborted || ports.nowMs() - startedAtMs >= limitMs,
    isPatient: () => ports.nowMs() - startedAtMs < patienceMs,
    silent: new SilentNodes(ports),
  };
  try {
    return await Promise.race([late, empty(emptying)]);
  } finally {
    end.abort();
  }
}

async function empty(emptying: Emptying): Promise<boolean> {
  const { ports, isOver } = emptying;
  if ((await passOver(emptying, handOn)) === 0) return true;
  if (isOver() || !ports.hasOthers()) return false;
  return Promise.race([
    ports.delay(TRY_AGAIN_MS).then(() => passOverUntilEmpty(emptying, handOn)),
    passOverUntilEmpty(emptying, copyAndHandOn),
  ]);
}

async function passOverUntilEmpty(emptying: Emptying, move: Move): Promise<boolean> {
  const { ports, isOver } = emptying;
  let before = Number.POSITIVE_INFINITY;
  for (let pauseMs = TRY_AGAIN_MS; ; ) {
    const left = await passOver(emptying, move);
    if (left === 0) return true;
    if (isOver() || !ports.hasOthers()) return false;
    pauseMs = left < before ? TRY_AGAIN_MS : Math.min(2 * pauseMs, MAX_TRY_AGAIN_MS);
    before = left;
    await ports.delay(pauseMs);
  }
}

/** One pass; answers how many are still at home here. Never rejects. */
async function passOver(emptying: Emptying, move: Move): Promise<number> {
  const { engine, repository } = emptying.ports;
  let left = 0;
  try {
    for await (const page of pagesOfHomes(repository, engine.nodeId)) {
      const queue = [...page];
      const worker = async () => {
        for (let found = queue.pop(); found !== undefined; found = queue.pop()) {
          if (emptying.isOver() || !(await moveHeld(emptying, engine.adopt(found), move))) left += 1;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    }
    return left;
  } catch (fault) {
    engine.reportFault('hand over', fault);
    return Number.POSITIVE_INFINITY;
  }
}

async function moveHeld(emptying: Emptying, transfer: RunningTransfer, move: Move): Promise<boolean> {
  const { engine } = emptying.ports;
  const release = engine.hold(transfer);
  try {
    return await move(emptying, transfer);
  } catch (fault) {
    engine.reportFault('hand over', fault);
    return isGone(transfer, engine.nodeId);
  } finally {
    release();
  }
}

/** Where a replica is in sync, it takes over. */
async function handOn({ ports, isPatient, silent }: Emptying, transfer: RunningTransfer): Promise<boolean> {
  const { engine } = ports;
  if (isGone(transfer, engine.nodeId)) return true;
  const { replicaNodeId, replicaState } = transfer.row;
  const isWaitedFor = (transfer.bodyCount > 0 && isPatient()) || transfer.files.some((file) => file.isBoundHere);
  if (replicaState !== 'in_sync' || isWaitedFor) return false;
  try {
    await engine.handOver(transfer);
  } catch (fault) {
    if (typeOfFault(fault) !== 'unavailable') throw fault;
    // The replica does not answer, or cannot reach the database: the next pass asks again. It holds everything, so it is
    // not given up for an answer, whatever that says.
    if (replicaNodeId !== null) await silent.look(replicaNodeId);
  }
  return isGone(transfer, engine.nodeId);
}

/** Where no replica is in sync, or its node is gone, another is filled first. */
async function copyAndHandOn(emptying: Emptying, transfer: RunningTransfer): Promise<boolean> {
  const { ports, isOver, silent } = emptying;
  const { replicaNodeId, replicaState } = transfer.row;
  if (replicaState !== 'in_sync') await transfer.home?.secure();
  else if (replicaNodeId !== null && silent.isGivenUp(replicaNodeId))
    await transfer.home?.replaceReplica(replicaNodeId);
  else return isGone(transfer, ports.engine.nodeId);
  return isOver() ? isGone(transfer, ports.engine.nodeId) : handOn(emptying, transfer);
}

/** Which replicas' nodes answer no ping any more. */
class SilentNodes {
  readonly #ports: Pick<HandOverPorts, 'answers' | 'nowMs'>;
  /** Many transfers whose replica is one node ask once. */
  readonly #looks = new Map<string, Promise<void>>();
  readonly #sinceMs = new Map<string, number>();
  readonly #givenUp = new Set<string>();

  constructor(ports: Pick<HandOverPorts, 'answers' | 'nowMs'>) {
    this.#ports = ports;
  }

  isGivenUp(nodeId: string): boolean {
    return this.#givenUp.has(nodeId);
  }

  look(nodeId: string): Promise<void> {
    let looking = this.#looks.get(nodeId);
    if (looking === undefined) {
      looking = this.#look(nodeId).finally(() => this.#looks.delete(nodeId));
      this.#looks.set(nodeId, looking);
    }
    return looking;
  }

  async #look(nodeId: string): Promise<void> {
    if (await this.#ports.answers(nodeId)) {
      this.#sinceMs.delete(nodeId);
      this.#givenUp.delete(nodeId);
      return;
    }
    const nowMs = this.#ports.nowMs();
    const sinceMs = this.#sinceMs.get(nodeId) ?? nowMs;
    this.#sinceMs.set(nodeId, sinceMs);
    if (nowMs - sinceMs >= GIVEN_UP_AFTER_MS) this.#givenUp.add(nodeId);
  }
}

function isGone({ row }: RunningTransfer, nodeId: string): boolean {
  return row.homeNodeId !== nodeId || row.state === 'ended';
}
