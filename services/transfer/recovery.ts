import { setTimeout as delay } from 'node:timers/promises';
import { typeOfFault } from '../contracts/errors.ts';
import { inBatches } from '../kernel/batches.ts';
import { endIfBroken } from './broken-bodies.ts';
import type { ChunkStore, TransferRepository } from './ports.ts';
import { homesOn, replicasOn } from './row-pages.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

const FILES_A_QUERY = 200;
/** That many transfers in a row could not be given to a node, each after seconds: the next round asks it for the others. */
const MAX_REFUSALS = 3;
const AGAIN_MS = 5_000;
const MAX_PAUSE_MS = 60_000;
const CLOSED_SEEN_MS = 250;

export interface RecoveryPorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'listByHome'>;
}

export interface CopyRecoveryPorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'listByReplica' | 'fateOfFiles'>;
  readonly store: Pick<ChunkStore, 'list'>;
  /** Null when there are no other nodes. */
  readonly boot: BootDeclaration | null;
}

export interface StoredRecoveryPorts extends RecoveryPorts, CopyRecoveryPorts {
  readonly repository: RecoveryPorts['repository'] & CopyRecoveryPorts['repository'];
  /** False after a start with another boot id. */
  readonly isDiskTrusted: boolean;
}

/** What other nodes must hear of a machine that rebooted. */
export interface BootDeclaration {
  /** "As R of open transfers CAS(syncing), also when the row already says syncing." @throws unavailable */
  declareSyncing(transferId: string): Promise<void>;
  /** Every row that names this node as replica was declared. */
  finishDeclaring(): void;
}

export interface RecoveryRoundsPorts extends StoredRecoveryPorts {
  /** Everything stored before this process was looked at: what was verified after a boot need not be again. */
  readonly onRecovered: () => Promise<void>;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** Beside the service, so that it never delays `/readyz`; tried again while the database or another node is away. */
export async function recoverUntilDone(ports: RecoveryRoundsPorts): Promise<void> {
  const { engine, isDiskTrusted } = ports;
  for (let pauseMs = AGAIN_MS; !engine.isClosed; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      if (await recoverStored(ports)) {
        engine.trust.confirmDisk();
        if (!isDiskTrusted) await ports.onRecovered();
        return;
      }
    } catch (fault) {
      ports.onFault('recover', fault);
    }
    for (let waited = 0; waited < pauseMs && !engine.isClosed; waited += CLOSED_SEEN_MS) {
      await delay(CLOSED_SEEN_MS);
    }
  }
}

/**
 * After a start: what this node holds as home, and, when its machine rebooted, what it holds as a copy. The rows that name
 * it as replica hear of the boot first, since another home may wait for that. Copies come last: a home that hands over in
 * between is a copy by then, and one that nobody has verified.
 *
 * What cannot be verified now, since its replica or another node is away, is left out, and looked at alone when this is called
 * again: all the rest is trusted meanwhile. @returns true when nothing stored before is unverified. @throws unavailable
 */
export async function recoverStored(ports: StoredRecoveryPorts): Promise<boolean> {
  const { engine } = ports;
  if (ports.isDiskTrusted) return recoverHomes(ports);
  const { doubtful } = engine.trust;
  if (doubtful !== null) return recoverDoubtful(engine, doubtful);
  if (!(await declareCopies(ports))) return false;
  const unverified = await lookAtHomes(ports);
  for (const transferId of await verifyCopies(ports)) unverified.add(transferId);
  await missSealed(ports);
  if (engine.isClosed) return false;
  engine.trust.confirmDiskBut(unverified);
  return unverified.size === 0;
}

/** What was left out, by what the row says of it now. */
async function recoverDoubtful(engine: TransferEngine, doubtful: ReadonlySet<string>): Promise<boolean> {
  const refusals: Refusals = new Map();
  for (const transferId of [...doubtful]) {
    if (engine.isClosed) return false;
    try {
      const transfer = await engine.load(transferId);
      await engine.reread(transfer);
      const found = await recoverHome(engine, transfer, refusals);
      if (found === 'sound' || (found === 'elsewhere' && (await isSoundCopy(engine, transfer))))
        engine.trust.settle(transferId);
    } catch (fault) {
      if (typeOfFault(fault) === 'not_found') engine.trust.settle(transferId);
      else engine.reportFault('recover', fault);
    }
  }
  return doubtful.size === 0;
}

async function isSoundCopy(engine: TransferEngine, transfer: RunningTransfer): Promise<boolean> {
  if (transfer.row.state === 'ended') return true;
  let isSound = true;
  for (const file of transfer.files) isSound = (await verifyCopy(engine, transfer.row.id, file.row.id)) && isSound;
  return isSound;
}

/** Tells the rows that name this node as replica that it has to be compared anew. False: the process ends. */
async function declareCopies({ engine, repository, boot }: CopyRecoveryPorts): Promise<boolean> {
  if (boot === null) return true;
  for await (const row of replicasOn(repository, engine.nodeId)) {
    if (engine.isClosed) return false;
    if (row.state === 'open') await boot.declareSyncing(row.id);
  }
  if (engine.isClosed) return false;
  boot.finishDeclaring();
  return true;
}

/**
 * Verifies the copies that no digest vouches for, so that the next process of this boot may trust what is stored.
 * @returns transfers of which one could not be
 */
async function verifyCopies({ engine, repository, store }: CopyRecoveryPorts): Promise<ReadonlySet<string>> {
  const unverified = new Set<string>();
  for await (const fileIds of inBatches(store.list(), FILES_A_QUERY)) {
    for (const [fileId, fate] of await repository.fateOfFiles(fileIds)) {
      if (fate.fate === 'ended' || fate.homeNodeId === engine.nodeId || engine.isClosed) continue;
      if (!(await verifyCopy(engine, fate.transferId, fileId))) unverified.add(fate.transferId);
    }
  }
  return unverified;
}

/**
 * A sealed file that a boot took with its name is in no list of what is stored, so the scrub never comes to it: whoever looks
 * finds that it is gone, and has it fetched from the other copy. What cannot be fetched now is, with its next use.
 */
async function missSealed({ engine, repository }: StoredRecoveryPorts): Promise<void> {
  const look = async (transfer: RunningTransfer) => {
    const release = engine.hold(transfer);
    try {
      for (const file of transfer.files) if (file.isSealed && !engine.isClosed) await engine.holdsAll(transfer, file);
    } finally {
      release();
    }
  };
  for await (const found of homesOn(repository, engine.nodeId)) {
    if (engine.isClosed) return;
    await look(engine.adopt(found));
  }
  for await (const row of replicasOn(repository, engine.nodeId)) {
    if (engine.isClosed) return;
    if (row.replicaState === 'in_sync') await look(await engine.load(row.id));
  }
}

/** A sealed copy in sync is verified whenever it is read, and by the scrub. */
async function verifyCopy(engine: TransferEngine, transferId: string, fileId: string): Promise<boolean> {
  try {
    const transfer = await engine.load(transferId);
    const file = transfer.files.find(({ row }) => row.id === fileId);
    const isAtRest = transfer.row.replicaNodeId === engine.nodeId && transfer.row.replicaState === 'in_sync';
    if (file === undefined || (file.isSealed && isAtRest)) return true;
    const release = engine.hold(transfer);
    try {
      (await engine.useCopy(transfer, file, 'read'))?.release();
    } finally {
      release();
    }
    return true;
  } catch (fault) {
    engine.reportFault('verify a copy', fault);
    return false;
  }
}

/**
 * After a start: seals what was complete when the process before ended, and ends what nobody can continue. Runs beside
 * the service, one transfer after the other; a file somebody asks for first is looked at then.
 * @returns true when every open transfer of this home was looked at, so that nothing stored before is unverified
 */
export async function recoverHomes(ports: RecoveryPorts): Promise<boolean> {
  return (await lookAtHomes(ports)).size === 0 && !ports.engine.isClosed;
}

/** @returns those that could not be looked at; where the engine was closed meanwhile, not all of them */
async function lookAtHomes({ engine, repository }: RecoveryPorts): Promise<Set<string>> {
  const unverified = new Set<string>();
  const refusals: Refusals = new Map();
  for await (const found of homesOn(repository, engine.nodeId)) {
    if (engine.isClosed) break;
    if (found.transfer.state !== 'open') continue;
    // One that is elsewhere by now is at most a copy here, and is verified as one.
    if ((await recoverHome(engine, engine.adopt(found), refusals)) === 'unverified') unverified.add(found.transfer.id);
  }
  return unverified;
}

/** How often in a row each node, as replica in sync, did not take a transfer over. */
type Refusals = Map<string, number>;

async function recoverHome(
  engine: TransferEngine,
  transfer: RunningTransfer,
  refusals: Refusals,
): Promise<'sound' | 'elsewhere' | 'unverified'> {
  const { homeNodeId, replicaNodeId, replicaState, state } = transfer.row;
  if (homeNodeId !== engine.nodeId || state === 'ended') return 'elsewhere';
  const asked = replicaState === 'in_sync' && !engine.trust.isVerified(transfer) ? replicaNodeId : null;
  const refusalCount = asked === null ? 0 : (refusals.get(asked) ?? 0);
  if (refusalCount >= MAX_REFUSALS) return 'unverified';
  try {
    await recoverOne(engine, transfer);
    return 'sound';
  } catch (fault) {
    // Its replica took over, or somebody ended it.
    const type = typeOfFault(fault);
    const isOver = type === 'moved' || type === 'ended';
    if (asked !== null) refusals.set(asked, isOver ? 0 : refusalCount + 1);
    if (isOver) return 'elsewhere';
    engine.reportFault('recover', fault);
    return 'unverified';
  }
}

async function recoverOne(engine: TransferEngine, transfer: RunningTransfer): Promise<void> {
  const release = engine.hold(transfer);
  try {
    await engine.learnValues(transfer);
    if (!(await endIfBroken(engine, transfer))) await engine.sealLeftovers(transfer);
  } finally {
    release();
  }
}
