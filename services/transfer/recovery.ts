import { typeOfFault } from '../contracts/errors.ts';
import { endIfBroken } from './broken-bodies.ts';
import type { ChunkStore, TransferRepository, TransferRow, TransferWithFiles } from './ports.ts';
import { replicasOn } from './replace-replicas.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Rows with all their files, so not many at once. */
const ROWS_A_PAGE = 50;
const FILES_A_PAGE = 200;

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

/**
 * After a start: what this node holds as home, and, when its machine rebooted, what it holds as a copy. The rows that name
 * it as replica hear of the boot first, since another home may wait for that. Copies come last: a home that hands over in
 * between is a copy by then, and one that nobody has verified.
 * @returns true when nothing stored before is unverified; else this is to be called again. @throws unavailable
 */
export async function recoverStored(ports: StoredRecoveryPorts): Promise<boolean> {
  if (ports.isDiskTrusted) return recoverHomes(ports);
  if (!(await declareCopies(ports))) return false;
  const areHomesSound = await recoverHomes(ports);
  const areCopiesSound = await verifyCopies(ports);
  await missSealed(ports);
  return areCopiesSound && areHomesSound;
}

/** Tells the rows that name this node as replica that it has to be compared anew. False: the process ends. */
async function declareCopies({ engine, repository, boot }: CopyRecoveryPorts): Promise<boolean> {
  if (boot === null) return true;
  for (let after: string | null = null; !engine.isClosed; ) {
    const page: readonly TransferRow[] = await repository.listByReplica(engine.nodeId, after, ROWS_A_PAGE);
    for (const row of page) if (row.state === 'open' && !engine.isClosed) await boot.declareSyncing(row.id);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  if (engine.isClosed) return false;
  boot.finishDeclaring();
  return true;
}

/** Verifies the copies that no digest vouches for, so that the next process of this boot may trust what is stored. */
async function verifyCopies({ engine, repository, store }: CopyRecoveryPorts): Promise<boolean> {
  let isComplete = true;
  let batch: string[] = [];
  const verify = async () => {
    for (const [fileId, fate] of await repository.fateOfFiles(batch)) {
      if (fate.fate === 'ended' || fate.homeNodeId === engine.nodeId || engine.isClosed) continue;
      isComplete = (await verifyCopy(engine, fate.transferId, fileId)) && isComplete;
    }
    batch = [];
  };
  for await (const fileId of store.list()) {
    batch.push(fileId);
    if (batch.length >= FILES_A_PAGE) await verify();
  }
  await verify();
  return isComplete && !engine.isClosed;
}

/**
 * A sealed file that a boot took with its name is in no list of what is stored, so the scrub never comes to it: whoever looks
 * finds that it is gone, and has it fetched from the other copy. What cannot be fetched now is, with its next use.
 */
async function missSealed({ engine, repository }: StoredRecoveryPorts): Promise<void> {
  const look = async (transfer: RunningTransfer) => {
    const release = engine.hold(transfer);
    try {
      for (const file of transfer.files) if (file.isSealed) await engine.holdsAll(transfer, file);
    } finally {
      release();
    }
  };
  for (let after: string | null = null; !engine.isClosed; ) {
    const page: readonly TransferWithFiles[] = await repository.listByHome(engine.nodeId, after, ROWS_A_PAGE);
    for (const found of page) await look(engine.adopt(found));
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.transfer.id;
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
      (await engine.useCopy(file, 'read'))?.release();
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
export async function recoverHomes({ engine, repository }: RecoveryPorts): Promise<boolean> {
  let isComplete = true;
  for (let after: string | null = null; !engine.isClosed; ) {
    const page: readonly TransferWithFiles[] = await repository.listByHome(engine.nodeId, after, ROWS_A_PAGE);
    for (const found of page) {
      if (engine.isClosed) return false;
      if (found.transfer.state !== 'open') continue;
      await recoverOne(engine, found).catch((fault: unknown) => {
        // Its replica took over, or somebody ended it: what is here is at most a copy, and is verified as one.
        const type = typeOfFault(fault);
        if (type === 'moved' || type === 'ended') return;
        isComplete = false;
        engine.reportFault('recover', fault);
      });
    }
    const last = page.at(-1);
    if (last === undefined) return isComplete;
    after = last.transfer.id;
  }
  return false;
}

async function recoverOne(engine: TransferEngine, found: TransferWithFiles): Promise<void> {
  const transfer = engine.adopt(found);
  const release = engine.hold(transfer);
  try {
    await engine.learnValues(transfer);
    if (!(await endIfBroken(engine, transfer))) await engine.sealLeftovers(transfer);
  } finally {
    release();
  }
}
