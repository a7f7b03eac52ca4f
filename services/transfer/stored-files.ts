import { ChunkMap } from './chunk-map.ts';
import type { Mending } from './mending.ts';
import type { FileUse, OpenFiles } from './open-files.ts';
import type { ChunkStore } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { StoredTrust } from './stored-trust.ts';

export interface StoredFilesDeps {
  readonly nodeId: string;
  readonly store: ChunkStore;
  readonly openFiles: OpenFiles;
  readonly mending: Pick<Mending, 'restoreSoon'>;
  readonly trust: StoredTrust;
  /** Transfers that this process works with. */
  readonly running: () => readonly RunningTransfer[];
}

/** What this node has stored of the files of its transfers: opened when it is needed, and believed once it was checked. */
export class StoredFiles {
  readonly #deps: StoredFilesDeps;

  constructor(deps: StoredFilesDeps) {
    this.#deps = deps;
  }

  /**
   * Opens a file's bytes, creating them when they are to be written, and checks what was stored before this process.
   * @returns null when nothing of it was ever stored here and it is not to be written
   */
  async use(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null> {
    const { trust } = this.#deps;
    const isDoubtful = trust.mayHaveVanished(transfer, file);
    const use = await this.#open(file, isDoubtful ? 'write' : purpose);
    if (use === null) {
      // Looked at once; who writes it from now on does so here, and puts the stored values in this place.
      file.values ??= new ChunkMap();
      if (file.isSealed && (file.row.sizeBytes ?? 0) > 0) this.restore(transfer, file);
      return null;
    }
    try {
      if (!file.isTrusted) await trust.establish(transfer, file, use);
      // Not before: what is not trusted counts as not looked at, and is looked at again.
      file.values = use.stored.values;
      return use;
    } catch (fault) {
      use.release();
      throw fault;
    }
  }

  /**
   * The same at a replica, whose copy may lack chunks of a sealed file: values are not compared with the digest, only
   * verified after a start with another boot id.
   */
  async useCopy(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null> {
    const use = await this.#open(file, purpose);
    // What is not there vouches for nothing: its home sends it.
    if (use === null) file.isCopyVerified = true;
    if (use === null) return null;
    try {
      await this.#deps.trust.verifyCopy(transfer, file, use);
      // What is looked up from now on is what this copy has, also when this node becomes home.
      file.values = use.stored.values;
      return use;
    } catch (fault) {
      use.release();
      throw fault;
    }
  }

  /** What is stored of a file, as it is: for another node, which believes none of it. Null: nothing. */
  useUnchecked(file: RunningFile): Promise<FileUse | null> {
    return this.#open(file, 'read');
  }

  /** Looks at what is stored of a file that nobody opened yet. */
  async learn(transfer: RunningTransfer, file: RunningFile): Promise<void> {
    if (file.isSealed || file.values !== null) return;
    (await this.use(transfer, file, 'read'))?.release();
  }

  /** True when this node has every chunk of a sealed file. */
  async holdsAll(transfer: RunningTransfer, file: RunningFile): Promise<boolean> {
    if (file.row.sizeBytes === 0) return true;
    const use = await this.use(transfer, file, 'read').catch(() => null);
    use?.release();
    return use !== null && use.stored.values.count >= (file.chunkCount ?? Number.POSITIVE_INFINITY);
  }

  /** Where the row names this node, what is missing or wrong of a sealed file is fetched from the other copy. */
  restore(transfer: RunningTransfer, file: RunningFile): void {
    const { nodeId, mending } = this.#deps;
    const { homeNodeId, replicaNodeId } = transfer.row;
    if (homeNodeId !== nodeId && replicaNodeId !== nodeId) return;
    mending.restoreSoon(transfer, file, () => this.#open(file, 'write'));
  }

  /** Runs `act`, which removes a stored file, while nobody uses it and nobody can begin to. False when it did not. */
  async whileUnused(fileId: string, act: () => Promise<boolean>): Promise<boolean> {
    const isDone = await this.#deps.openFiles.whileUnused(fileId, act);
    if (isDone) for (const { files } of this.#deps.running()) for (const file of files) file.forgetStored(fileId);
    return isDone;
  }

  /** Closes those of a transfer; of one that goes on, only those that nobody uses. */
  async closeFiles(transfer: RunningTransfer): Promise<void> {
    const { openFiles } = this.#deps;
    const isOver = transfer.row.state === 'ended';
    for (const { row } of transfer.files) {
      await (isOver ? openFiles.close(row.id) : openFiles.closeIfIdle(row.id));
    }
  }

  /** Removes the bytes of one that has ended. */
  async remove(transfer: RunningTransfer): Promise<void> {
    const { store, openFiles } = this.#deps;
    for (const { row } of transfer.files) {
      await store.remove(row.id);
      // Whoever looked at it meanwhile opened it once more: its bytes would stay on the disk, and nothing lists them.
      await openFiles.close(row.id);
    }
  }

  #open(file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null> {
    const { id, chunkSizeBytes, sizeBytes } = file.row;
    const geometry = { chunkSizeBytes, sizeBytes };
    const { store, openFiles } = this.#deps;
    return openFiles.use(id, () => (purpose === 'write' ? store.create(id, geometry) : store.open(id, geometry)));
  }
}
