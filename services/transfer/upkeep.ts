import { type BrokenBodyPorts, endBroken } from './broken-bodies.ts';
import type { TransferRepository, TransferRow } from './ports.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** Of a transfer that nobody uses. How long its row holds for readers is counted elsewhere, from when it was read. */
const ROW_KEPT_MS = 10 * 60_000;
/** Descriptors are let go of sooner. */
const FILES_KEPT_OPEN_MS = 60_000;

/** What it needs of the engine. */
export interface UpkeepEngine extends BrokenBodyPorts {
  obey(transfer: RunningTransfer, row: TransferRow): Promise<void>;
  sealLeftovers(transfer: RunningTransfer): Promise<void>;
  forget(transfer: RunningTransfer): Promise<void>;
}

export interface UpkeepPorts {
  readonly engine: UpkeepEngine;
  readonly nowMs: () => number;
  readonly repository: Pick<TransferRepository, 'touch' | 'refresh'>;
  readonly closeFiles: (transfer: RunningTransfer) => Promise<void>;
  readonly onFault: (what: string, fault: unknown) => void;
}

/**
 * Once a second: re-reads the rows of running transfers in one query, tells the database which ones move, tries
 * seals again that the database could not take, ends what nobody can go on with, and lets go of what nobody used for long. "No answer: keep the
 * last rows."
 */
export async function maintainTransfers(all: readonly RunningTransfer[], ports: UpkeepPorts): Promise<void> {
  try {
    await touch(all, ports);
    await refresh(all, ports);
  } catch (fault) {
    ports.onFault('refresh', fault);
  }
  for (const transfer of all) {
    await ports.engine.sealLeftovers(transfer);
    await endBroken(ports.engine, transfer).catch((fault: unknown) => ports.onFault('broken body', fault));
  }
  for (const transfer of all) {
    transfer.home?.maintain().catch((fault: unknown) => ports.onFault('replicate', fault));
  }
  for (const transfer of all) await letGo(transfer, ports);
}

async function touch(all: readonly RunningTransfer[], { repository }: UpkeepPorts): Promise<void> {
  const touched = all.filter((transfer) => transfer.isTouched);
  if (touched.length === 0) return;
  for (const transfer of touched) transfer.isTouched = false;
  try {
    await repository.touch(touched.map((transfer) => transfer.row.id));
  } catch (fault) {
    for (const transfer of touched) transfer.isTouched = true;
    throw fault;
  }
}

async function refresh(all: readonly RunningTransfer[], ports: UpkeepPorts): Promise<void> {
  const found = await ports.repository.refresh(all.map((transfer) => transfer.row.id));
  const rows = new Map(found.map((row) => [row.id, row]));
  for (const transfer of all) {
    const row = rows.get(transfer.row.id);
    if (row === undefined) continue;
    // Another node may have set sizes and digests: they are in the files' rows.
    if (row.epoch > transfer.row.epoch && transfer.files.some((file) => !file.isSealed))
      await ports.engine.reread(transfer);
    else await ports.engine.obey(transfer, row);
  }
}

/** Rows are kept ten minutes, files are closed sooner. */
async function letGo(transfer: RunningTransfer, ports: UpkeepPorts): Promise<void> {
  const idleMs = ports.nowMs() - transfer.lastUsedMs;
  if (transfer.isBusy || idleMs <= FILES_KEPT_OPEN_MS) return;
  if (idleMs > ROW_KEPT_MS) await ports.engine.forget(transfer);
  else await ports.closeFiles(transfer);
}
