import { PeerLinkError } from '../contracts/errors.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import type { FileUse } from './open-files.ts';
import type { TransferRepository } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** What was stored before this process is checked once before its first use. */
export class StoredTrust {
  readonly #repository: Pick<TransferRepository, 'cas'>;
  readonly #isDiskTrusted: boolean;

  /** @param isDiskTrusted false after a start with another boot id: the system may have lost what it had in memory */
  constructor(repository: Pick<TransferRepository, 'cas'>, isDiskTrusted: boolean) {
    this.#repository = repository;
    this.#isDiskTrusted = isDiskTrusted;
  }

  /**
   * Several that open a file at once share one check: two would each drop chunks and raise the generation.
   * @throws damaged, unavailable
   */
  establish(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    file.trusting ??= this.#check(transfer, file, use).finally(() => {
      file.trusting = null;
    });
    return file.trusting;
  }

  /**
   * "Before a sealed file is served for the first time, its chaining values are merged and compared with the digest
   * in the row." Unsealed files are verified only after a start with another boot id.
   */
  async #check(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    const { digest, sizeBytes } = file.row;
    if (digest !== null && sizeBytes !== null) {
      const root = await use.stored.root(sizeBytes);
      if (!isEqualBytes(root, digest)) {
        throw new PeerLinkError('damaged', 'The stored file no longer has its digest.', {
          data: { fileIndex: file.row.index },
        });
      }
    } else if (!this.#isDiskTrusted) {
      await this.#dropLost(transfer, file, use);
    }
    file.isTrusted = true;
  }

  async #dropLost(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    const lost: number[] = [];
    const buffer = Buffer.allocUnsafe(file.row.chunkSizeBytes);
    for (const [start, end] of use.stored.values.ranges()) {
      for (let index = start; index < end; index += 1) {
        if (!(await use.stored.readChunk(index, buffer, file.chunkLength(index)))) lost.push(index);
      }
    }
    if (lost.length === 0) return;
    // "Generation + 1, by CAS, before anything is served or taken." First: were this process killed between the two,
    // the next one would find the chunks lost again, but not that a generation is due.
    const row = await this.#repository.cas(transfer.row.id, transfer.row.epoch, {
      generation: transfer.row.generation + 1,
    });
    if (row === null) {
      throw new PeerLinkError('unavailable', 'This transfer is changing hands. Try again.', { retryAfterSeconds: 1 });
    }
    transfer.learn(row);
    for (const index of lost) await use.stored.dropChunk(index);
  }
}
