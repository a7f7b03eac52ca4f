import { PeerLinkError } from '../contracts/errors.ts';
import type { EndReason } from '../contracts/http.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import { EMPTY_DIGEST } from './digest-tree.ts';
import { damagedIndexOf } from './mending.ts';
import type { FileUse } from './open-files.ts';
import type { StoredFile, TransferRepository, TransferRow } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

const MAX_SEAL_TRIES = 5;
/** Ten times the files of the largest transfer. Only a disk that takes nothing any more leaves so many behind. */
const MAX_UNSYNCED = 100_000;

/** What sealing needs of the engine. */
export interface SealingPorts {
  readonly nodeId: string;
  readonly nowMs: () => number;
  readonly repository: Pick<TransferRepository, 'sealFile'>;
  readonly durability: 'process' | 'power';
  readonly hold: (transfer: RunningTransfer) => () => void;
  readonly useFile: (transfer: RunningTransfer, file: RunningFile) => Promise<FileUse | null>;
  readonly useStored: (file: RunningFile) => Promise<FileUse | null>;
  readonly mend: (transfer: RunningTransfer, file: RunningFile, stored: StoredFile, index: number) => Promise<unknown>;
  readonly end: (transferId: string, reason: EndReason) => Promise<void>;
  readonly obey: (transfer: RunningTransfer, row: TransferRow) => Promise<void>;
  readonly onSealed: (transfer: RunningTransfer, file: RunningFile, digest: Uint8Array) => void;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** "Seal: by the home itself when the last chunk commits." */
export class Sealing {
  readonly #ports: SealingPorts;
  /** Sealed files whose bytes the system may still hold in memory only. */
  readonly #unsynced = new Map<RunningFile, RunningTransfer>();

  constructor(ports: SealingPorts) {
    this.#ports = ports;
  }

  /**
   * Seals the file if all its chunks are committed. Repeatable; several callers share one attempt. Resolves without a
   * seal when the database cannot answer: `sealLeftovers` tries again.
   * @throws digest_mismatch, damaged, moved, ended
   */
  async sealWhenComplete(transfer: RunningTransfer, file: RunningFile): Promise<void> {
    if (file.isSealed || !file.isComplete) return;
    file.sealing ??= this.#seal(transfer, file).finally(() => {
      file.sealing = null;
    });
    try {
      await file.sealing;
    } catch (fault) {
      if (fault instanceof PeerLinkError && fault.type === 'unavailable') return;
      throw fault;
    }
  }

  /**
   * "A clean end writes the size, then seals." Until a row has the size only this process knows that the file is whole, so
   * nobody is told that it is. @throws see sealWhenComplete; unavailable when the database cannot answer: it is tried again
   */
  async finishUnknownLength(transfer: RunningTransfer, file: RunningFile, sizeBytes: number): Promise<void> {
    file.learnSize(sizeBytes);
    await this.sealWhenComplete(transfer, file);
    if (file.isSealed) return;
    throw new PeerLinkError(
      'unavailable',
      'All of it came, and the database cannot take note yet. Ask for the status.',
      {
        retryAfterSeconds: 1,
      },
    );
  }

  /** After each commit: also when whoever sent the last chunk is gone. */
  sealSoon(transfer: RunningTransfer, file: RunningFile): void {
    if (!file.isComplete) return;
    const release = this.#ports.hold(transfer);
    this.sealWhenComplete(transfer, file)
      // A refusal is told to whoever asks for the seal; here nobody does.
      .catch((fault: unknown) => {
        if (!(fault instanceof PeerLinkError)) this.#ports.onFault('seal', fault);
      })
      .finally(release);
  }

  /** Seals that the database could not take, or that the process before did not come to. */
  async sealLeftovers(transfer: RunningTransfer): Promise<void> {
    if (transfer.row.state !== 'open' || transfer.isOver || transfer.row.homeNodeId !== this.#ports.nodeId) return;
    for (const file of transfer.files) {
      await this.sealWhenComplete(transfer, file).catch((fault: unknown) => this.#ports.onFault('seal', fault));
    }
  }

  /** The row changed: a copy here of what is sealed, by whomever, is to be synced like one that was sealed here. */
  learn(transfer: RunningTransfer, before: TransferRow, newlySealed: readonly RunningFile[]): void {
    const { nodeId } = this.#ports;
    const isCopyWhole = (row: TransferRow) => row.replicaNodeId === nodeId && row.replicaState === 'in_sync';
    // What was sealed before its copy came here is whole with the copy.
    if (isCopyWhole(transfer.row) && !isCopyWhole(before)) {
      for (const file of transfer.files) if (file.isSealed) this.#syncLater(transfer, file);
    } else if (isCopyWhole(transfer.row) || transfer.row.homeNodeId === nodeId) {
      for (const file of newlySealed) this.#syncLater(transfer, file);
    }
  }

  /**
   * "Sealed files are synced in the background within 30 s." One after the other: nobody waits for it. What the disk did
   * not take is tried again in the next turn.
   */
  async syncSealed(): Promise<void> {
    for (const [file, transfer] of [...this.#unsynced]) {
      this.#unsynced.delete(file);
      if (transfer.isOver) continue;
      try {
        await this.#sync(file);
      } catch (fault) {
        this.#syncLater(transfer, file);
        this.#ports.onFault('sync', fault);
      }
    }
  }

  #syncLater(transfer: RunningTransfer, file: RunningFile): void {
    if (file.row.sizeBytes === 0) return;
    this.#unsynced.set(file, transfer);
    if (this.#unsynced.size <= MAX_UNSYNCED) return;
    for (const [oldest] of this.#unsynced) {
      this.#unsynced.delete(oldest);
      this.#ports.onFault('sync', new PeerLinkError('internal', 'Too many sealed files are not synced.'));
      return;
    }
  }

  /** "Root from chaining values; in one statement lock the transfer's row and set `files.digest`." Repeatable. */
  async #seal(transfer: RunningTransfer, file: RunningFile): Promise<void> {
    const { nodeId, repository } = this.#ports;
    const { sizeBytes } = file.row;
    if (sizeBytes === null) throw new PeerLinkError('internal', 'A file without a size cannot be sealed.');
    const digest = await this.#rootOf(transfer, file, sizeBytes);
    if (file.row.expectedDigest !== null && !isEqualBytes(digest, file.row.expectedDigest)) {
      await this.#ports.end(transfer.row.id, 'digest_mismatch');
      throw new PeerLinkError(
        'digest_mismatch',
        'The file does not have the digest its sender gave; the transfer was ended.',
      );
    }
    for (let tries = 0; tries < MAX_SEAL_TRIES; tries += 1) {
      transfer.assertWritable(nodeId, this.#ports.nowMs());
      const outcome = await repository.sealFile({
        transferId: transfer.row.id,
        fileIndex: file.row.index,
        knownEpoch: transfer.row.epoch,
        homeNodeId: nodeId,
        digest,
        sizeBytes,
      });
      if (outcome.transfer !== null) await this.#ports.obey(transfer, outcome.transfer);
      if (outcome.outcome !== 'sealed') continue;
      file.learnDigest(outcome.digest);
      this.#syncLater(transfer, file);
      this.#ports.onSealed(transfer, file, outcome.digest);
      return;
    }
    throw new PeerLinkError('unavailable', 'The transfer kept changing while it was sealed.', { retryAfterSeconds: 1 });
  }

  async #rootOf(transfer: RunningTransfer, file: RunningFile, sizeBytes: number): Promise<Uint8Array> {
    if (sizeBytes === 0) return EMPTY_DIGEST;
    const use = await this.#ports.useFile(transfer, file);
    if (use === null) throw new PeerLinkError('internal', 'A complete file has no bytes.');
    try {
      return await this.#syncedRoot(use.stored, sizeBytes).catch(async (fault: unknown) => {
        const index = damagedIndexOf(fault);
        if (index === null) throw fault;
        await this.#ports.mend(transfer, file, use.stored, index);
        return this.#syncedRoot(use.stored, sizeBytes);
      });
    } finally {
      use.release();
    }
  }

  async #syncedRoot(stored: StoredFile, sizeBytes: number): Promise<Uint8Array> {
    // "`power`: files and directories before the sealing row": a chunk may be complete whose writer still syncs it.
    if (this.#ports.durability === 'power') await stored.sync();
    return stored.root(sizeBytes);
  }

  async #sync(file: RunningFile): Promise<void> {
    // As it is: whether it is sound is not asked here, and a copy of another's need not be whole.
    const use = await this.#ports.useStored(file);
    try {
      await use?.stored.sync();
    } finally {
      use?.release();
    }
  }
}
