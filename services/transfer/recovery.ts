import type { TransferRepository, TransferWithFiles } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** Rows with all their files, so not many at once. */
const ROWS_A_PAGE = 50;

export interface RecoveryPorts {
  readonly engine: TransferEngine;
  readonly repository: Pick<TransferRepository, 'listByHome'>;
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
    // "A broken one ends the transfer": the body of unknown length broke with the process that received it.
    const isBroken = (file: RunningFile) =>
      file.row.sizeBytes === null && file.committedChunkCount > 0 && !file.hasSequentialBody;
    if (transfer.files.some(isBroken)) await engine.end(transfer.row.id, 'aborted');
    else await engine.sealLeftovers(transfer);
  } finally {
    release();
  }
}
