import type { ScrubStatus } from '../contracts/operator.ts';
import { inBatches } from '../kernel/batches.ts';
import type { ChunkStore, StoredFile, TransferRepository } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

/** A file that is checked takes a query, so many at a time share one. */
const BATCH = 200;
/** After a pass the disk rests. Bit rot is a matter of months. */
const PASS_EVERY_MS = 24 * 3600_000;
/** Between two looks at the clock the rate may be exceeded by so much. */
const BURST_MS = 250;
/** For a pass that somebody asks for where none is made by itself. */
const ASKED_BYTES_PER_SECOND = 64 * 1024 * 1024;

export interface ScrubPorts {
  readonly engine: TransferEngine;
  readonly store: Pick<ChunkStore, 'list'>;
  readonly repository: Pick<TransferRepository, 'fateOfFiles'>;
  /** What may be read for it; 0: nothing is, unless somebody asks for a pass. */
  readonly bytesPerSecond: number;
  readonly nowMs: () => number;
  readonly delay: (ms: number) => Promise<void>;
}

/**
 * Reads what is sealed and at rest here, chunk by chunk, at a bounded rate, and mends what no longer has its value while
 * another copy still has it. `turn` is called now and then; it returns at once while a pass is not due.
 */
export class Scrub {
  readonly #ports: ScrubPorts;
  #nextPassAtMs = Number.NEGATIVE_INFINITY;
  /** When what was read so far is paid for at the rate. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #running: Promise<void> | null = null;
  #found = { checkedChunks: 0, repairedChunks: 0, damagedChunks: 0 };

  constructor(ports: ScrubPorts) {
    this.#ports = ports;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** One whole pass when one is due. */
  async turn(): Promise<void> {
    const { nowMs, bytesPerSecond } = this.#ports;
    if (this.#running !== null) return this.#running;
    if (bytesPerSecond === 0 || this.#isStopped || nowMs() < this.#nextPassAtMs) return;
    return this.#begin();
  }

  /** A pass now, whether or not one is due. */
  ask(): void {
    if (this.#running === null && !this.#isStopped)
      this.#begin().catch((fault: unknown) => this.#ports.engine.reportFault('scrub', fault));
  }

  /** How far the pass has come; of the last one when none is running. */
  status(): ScrubStatus {
    return { nodeId: this.#ports.engine.nodeId, isRunning: this.#running !== null, ...this.#found };
  }

  #begin(): Promise<void> {
    this.#nextPassAtMs = this.#ports.nowMs() + PASS_EVERY_MS;
    this.#found = { checkedChunks: 0, repairedChunks: 0, damagedChunks: 0 };
    this.#running = this.#pass().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #pass(): Promise<void> {
    for await (const fileIds of inBatches(this.#ports.store.list(), BATCH)) {
      await this.#checkAll(fileIds);
      if (this.#isStopped) return;
    }
  }

  async #checkAll(fileIds: readonly string[]): Promise<void> {
    const { engine, repository } = this.#ports;
    for (const [fileId, fate] of await repository.fateOfFiles(fileIds)) {
      if (this.#isStopped) return;
      const isNamed = fate.homeNodeId === engine.nodeId || fate.replicaNodeId === engine.nodeId;
      if (fate.fate === 'ended' || !isNamed) continue;
      await this.#checkFile(fileId, fate.transferId).catch((fault: unknown) => engine.reportFault('scrub', fault));
    }
  }

  async #checkFile(fileId: string, transferId: string): Promise<void> {
    const { engine } = this.#ports;
    const transfer = await engine.load(transferId);
    const file = transfer.files.find(({ row }) => row.id === fileId);
    // What still grows was written a moment ago; it is verified whenever it is read.
    if (file === undefined || !file.isSealed) return;
    const release = engine.hold(transfer);
    try {
      const use = await engine.useFile(transfer, file, 'read');
      try {
        if (use !== null) await this.#checkChunks(transfer, file, use.stored);
      } finally {
        use?.release();
      }
    } finally {
      release();
    }
  }

  async #checkChunks(transfer: RunningTransfer, file: RunningFile, stored: StoredFile): Promise<void> {
    const { engine, nowMs } = this.#ports;
    const bytesPerSecond = this.#ports.bytesPerSecond || ASKED_BYTES_PER_SECOND;
    const buffer = Buffer.allocUnsafe(file.row.chunkSizeBytes);
    for (let index = 0; index < (file.chunkCount ?? 0) && !this.#isStopped; index += 1) {
      if (transfer.row.state === 'ended') return;
      const lengthBytes = file.chunkLength(index);
      const isSound = await stored.readChunk(index, buffer, lengthBytes);
      engine.mending.countScrubbed();
      this.#found.checkedChunks += 1;
      // What no copy has is counted and named; the next chunks may still be mended.
      if (!isSound) await this.#mend(transfer, file, stored, index);
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs()) + (lengthBytes / bytesPerSecond) * 1000;
      const aheadMs = this.#freeAtMs - nowMs();
      if (aheadMs > BURST_MS) await this.#rest(aheadMs);
    }
  }

  async #mend(transfer: RunningTransfer, file: RunningFile, stored: StoredFile, index: number): Promise<void> {
    try {
      await this.#ports.engine.mending.mend(transfer, file, stored, index);
      this.#found.repairedChunks += 1;
    } catch {
      this.#found.damagedChunks += 1;
    }
  }

  /** In small steps, so that a stop is not waited for. */
  async #rest(ms: number): Promise<void> {
    const untilMs = this.#ports.nowMs() + ms;
    while (!this.#isStopped && this.#ports.nowMs() < untilMs) {
      await this.#ports.delay(Math.min(BURST_MS, untilMs - this.#ports.nowMs()));
    }
  }
}
