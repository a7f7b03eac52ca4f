import { PeerLinkError, typeOfFault } from '../contracts/errors.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import type { Mending } from './mending.ts';
import type { FileUse } from './open-files.ts';
import type { TransferRepository, TransferRow } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** A home whose machine rebooted answers nobody until its replica has taken over, and not for longer than this at a time. */
const ADOPTION_MS = 1_900;
/** Beyond that, what began after the boot and falls out of memory before all was looked at is looked at once more. */
const MAX_NEW = 20_000;

export interface StoredTrustPorts {
  readonly nodeId: string;
  readonly repository: Pick<TransferRepository, 'cas'>;
  /** False after a start with another boot id: the system may have lost what it had in memory. */
  readonly isDiskTrusted: boolean;
  readonly mending: Pick<Mending, 'mend' | 'fetchMissing' | 'isGivenUp'>;
  /** Asks the replica in sync to take over, as the home may, and obeys the row that comes of it. */
  readonly handOver: (transfer: RunningTransfer) => Promise<void>;
  /** Takes a newer row. */
  readonly obey: (transfer: RunningTransfer, row: TransferRow) => Promise<void>;
  /** A sealed file's values do not merge to its digest. */
  readonly onUnsound: (transfer: RunningTransfer, file: RunningFile) => void;
}

/** What was stored before this process is checked once before its first use. */
export class StoredTrust {
  readonly #ports: StoredTrustPorts;
  #isDiskTrusted: boolean;
  /** Transfers of this home whose generation rose since the boot: at most those that were open then. */
  readonly #raised = new Set<string>();
  /** Of those that were stored before the boot, the ones that are not verified yet. */
  readonly #doubtful = new Set<string>();
  /** Transfers that began after the boot, until all the others were looked at. */
  readonly #new = new Set<string>();

  constructor(ports: StoredTrustPorts) {
    this.#ports = ports;
    this.#isDiskTrusted = ports.isDiskTrusted;
  }

  /** Everything that was stored before this process has been verified. */
  confirmDisk(): void {
    this.confirmDiskBut([]);
    this.#raised.clear();
  }

  /**
   * The same but for these transfers, of which one may wait for a node for hours: nothing that is stored of them vouches for
   * anything, as before, until `settle`.
   */
  confirmDiskBut(transferIds: Iterable<string>): void {
    this.#doubtful.clear();
    for (const id of transferIds) if (!this.#new.has(id)) this.#doubtful.add(id);
    this.#isDiskTrusted = true;
    this.#new.clear();
  }

  /** One of those has been verified too. */
  settle(transferId: string): void {
    this.#doubtful.delete(transferId);
  }

  /** Null while nothing that was stored before a boot is trusted; else the transfers that were left out. */
  get doubtful(): ReadonlySet<string> | null {
    return this.#isDiskTrusted ? this.#doubtful : null;
  }

  /** Right after its insertion: all that will ever be stored of it here is written after the boot. */
  knowNew(transfer: RunningTransfer): void {
    for (const file of transfer.files) file.knowEmpty();
    if (!this.#isDiskTrusted && this.#new.size < MAX_NEW) this.#new.add(transfer.row.id);
  }

  /** Whatever of it was written, is stored: no boot came since, or all was verified that was there before. */
  #isTrusted({ row: { id } }: RunningTransfer): boolean {
    return this.#isDiskTrusted ? !this.#doubtful.has(id) : this.#new.has(id);
  }

  /** Nothing of this file was lost, or what was lost is known: since the boot it was looked at, or began. */
  #isKnown(transfer: RunningTransfer, file: RunningFile): boolean {
    return this.#isTrusted(transfer) || file.isSealed || file.isTrusted || file.isCopyVerified;
  }

  /**
   * After a boot of its home an open file that is not there may have been there whole: not even its name was on the medium.
   * It is checked as one of which nothing verifies.
   */
  mayHaveVanished(transfer: RunningTransfer, file: RunningFile): boolean {
    const { homeNodeId, state } = transfer.row;
    return homeNodeId === this.#ports.nodeId && state === 'open' && !this.#isKnown(transfer, file);
  }

  /**
   * Whether this node, as its home, may be counted on for what was acknowledged. After a boot it may not while a replica is
   * in sync that was so before: "as H with in-sync R ask R to promote", however long that one is away.
   */
  isVerified(transfer: RunningTransfer): boolean {
    return transfer.files.every((file) => this.#isKnown(transfer, file));
  }

  /**
   * Several that open a file at once share one check: two would each drop chunks and raise the generation.
   * @throws damaged, unavailable, moved
   */
  establish(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    return checkOnce(
      file,
      'values',
      () => file.isTrusted,
      () => this.#check(transfer, file, use),
    );
  }

  /**
   * "Before a sealed file is served for the first time, its chaining values are merged and compared with the digest
   * in the row." Unsealed files are verified only after a start with another boot id.
   */
  async #check(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    const { digest, sizeBytes } = file.row;
    if (digest !== null && sizeBytes !== null) {
      const root = await use.stored.root(sizeBytes).catch((fault: unknown) => {
        if (typeOfFault(fault) !== 'damaged') throw fault;
        return null;
      });
      if (root === null || !isEqualBytes(root, digest)) {
        this.#ports.onUnsound(transfer, file);
        throw new PeerLinkError('damaged', 'The stored file no longer has its digest.', {
          data: { fileIndex: file.row.index },
        });
      }
    } else if (!this.#isTrusted(transfer) && !file.isCopyVerified) {
      await this.#checkAfterReboot(transfer, file, use);
    }
    file.isTrusted = true;
  }

  /**
   * A copy vouches for nothing: after a boot, what does not verify is dropped, and its home sends it again. Also of a sealed
   * file whose values have its digest: that is enough to serve it, chunk by chunk verified, and not to count as a copy.
   */
  async verifyCopy(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    if (this.#isTrusted(transfer)) return;
    const isVerified = () => file.isCopyVerified || (file.isTrusted && !file.isSealed);
    await checkOnce(file, 'bytes', isVerified, () => this.#dropUnsound(file, use));
  }

  async #dropUnsound(file: RunningFile, use: FileUse): Promise<void> {
    const lost = await lostChunks(file, use);
    // Before it is served again its values are compared with the digest once more.
    if (lost.length > 0) file.isTrusted = false;
    for (const index of lost) await use.stored.dropChunk(index);
    file.isCopyVerified = true;
  }

  /** "Another boot id: as H with in-sync R ask R to promote; as sole H verify; as R drop what does not verify." */
  async #checkAfterReboot(transfer: RunningTransfer, file: RunningFile, use: FileUse): Promise<void> {
    const { nodeId, mending } = this.#ports;
    if (transfer.row.homeNodeId === nodeId && transfer.row.replicaState === 'in_sync') await this.#leaveIt(transfer);
    const lost = await lostChunks(file, use);
    if (transfer.row.homeNodeId !== nodeId) {
      // A copy vouches for nothing: what it has not, its home sends again.
      for (const index of lost) await use.stored.dropChunk(index);
      return;
    }
    const gone: number[] = [];
    for (const index of lost) {
      await mending.mend(transfer, file, use.stored, index).catch((fault: unknown) => {
        // "Only if none has it, or the operator gives up on a node that cannot be reached."
        if (typeOfFault(fault) !== 'damaged') throw fault;
        gone.push(index);
      });
    }
    // What was committed under a value that is lost too is taken back from whoever has it.
    await mending.fetchMissing(transfer, file, use.stored);
    await this.#dropLost(transfer, use, gone);
  }

  /** To its replica in sync; or, when the operator gave up on that one, this home goes on as the sole one. @throws moved, unavailable */
  async #leaveIt(transfer: RunningTransfer): Promise<void> {
    const { repository, obey, mending } = this.#ports;
    const { id, epoch, replicaNodeId } = transfer.row;
    if (replicaNodeId === null || !(await mending.isGivenUp(replicaNodeId))) return this.#giveUpHome(transfer);
    // From this epoch on it can take nothing over, should it come back; what only it had is lost.
    const row = await repository.cas(id, epoch, { replicaNodeId: null, replicaState: 'none' });
    if (row === null) throw changingHands();
    await obey(transfer, row);
  }

  /** Its replica has everything that was ever acknowledged, and this disk perhaps not. */
  async #giveUpHome(transfer: RunningTransfer): Promise<never> {
    const handing = this.#ports.handOver(transfer);
    handing.catch(() => {});
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ADOPTION_MS);
    });
    await Promise.race([handing.catch(() => {}), late]);
    clearTimeout(timer);
    const { homeNodeId } = transfer.row;
    if (homeNodeId !== this.#ports.nodeId) {
      throw new PeerLinkError('moved', 'This transfer has another home node now.', { data: { home: homeNodeId } });
    }
    throw new PeerLinkError(
      'unavailable',
      "This transfer's node was restarted with its machine and waits for the other copy to take over. Try again.",
      { retryAfterSeconds: 2 },
    );
  }

  async #dropLost(transfer: RunningTransfer, use: FileUse, lost: readonly number[]): Promise<void> {
    const { repository, obey } = this.#ports;
    const { id, epoch, generation } = transfer.row;
    // "Generation + 1, by CAS, before anything is served or taken." First: were this process killed between the two,
    // the next one would find the chunks lost again, but not that a generation is due. And also when nothing is found
    // lost: a chunk whose bytes and value are both gone leaves no trace, and a reader may have had it.
    if (lost.length > 0 || !this.#raised.has(id)) {
      const row = await repository.cas(id, epoch, { generation: generation + 1 });
      if (row === null) throw changingHands();
      this.#raised.add(id);
      await obey(transfer, row);
    }
    for (const index of lost) await use.stored.dropChunk(index);
  }
}

/**
 * One check of a file at a time. Who finds the same one under way shares it; the other one proves another thing, whatever comes
 * of it, and is awaited: neither drops what the other has just looked at.
 */
async function checkOnce(
  file: RunningFile,
  of: 'values' | 'bytes',
  isProved: () => boolean,
  check: () => Promise<void>,
): Promise<void> {
  for (let running = file.checking; running !== null; running = file.checking) {
    if (running.of === of) return running.done;
    await running.done.catch(() => {});
  }
  if (isProved()) return;
  const done = check().finally(() => {
    file.checking = null;
  });
  file.checking = { of, done };
  await done;
}

function changingHands(): PeerLinkError {
  return new PeerLinkError('unavailable', 'This transfer is changing hands. Try again.', { retryAfterSeconds: 1 });
}

async function lostChunks(file: RunningFile, use: FileUse): Promise<readonly number[]> {
  const lost: number[] = [];
  const buffer = Buffer.allocUnsafe(file.row.chunkSizeBytes);
  for (const [start, end] of use.stored.values.ranges()) {
    for (let index = start; index < end; index += 1) {
      if (!(await use.stored.readChunk(index, buffer, file.chunkLength(index)))) lost.push(index);
    }
  }
  return lost;
}
