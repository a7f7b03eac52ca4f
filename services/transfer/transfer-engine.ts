import { PeerLinkError } from '../contracts/errors.ts';
import type { EndReason } from '../contracts/http.ts';
import type { EngineDeps } from './engine-deps.ts';
import { Mending } from './mending.ts';
import type { FileUse } from './open-files.ts';
import { OpenFiles } from './open-files.ts';
import type { FileRow, TransferRow, TransferWithFiles } from './ports.ts';
import { ProgressFeed } from './progress-feed.ts';
import type { ReplicaTransfer } from './replication/ports.ts';
import type { ReplicaSide } from './replication/replica-side.ts';
import { homeView, replicaView } from './replication/transfer-views.ts';
import type { SplitChunk } from './run-splitter.ts';
import type { Commit, RunningFile, WriteOutcome } from './running-file.ts';
import { RunningTransfer, stateChange } from './running-transfer.ts';
import { RunningTransfers } from './running-transfers.ts';
import { Sealing } from './sealing.ts';
import { StoredFiles } from './stored-files.ts';
import { StoredTrust } from './stored-trust.ts';
import { maintainTransfers } from './upkeep.ts';

/**
 * The home's side of docs/PROTOCOL.md: loads rows, opens files, commits chunks, seals, obeys newer rows. It knows no
 * HTTP; the data plane feeds it chunks and asks it for them.
 */
export class TransferEngine {
  readonly openFiles = new OpenFiles((fault) => this.reportFault('close', fault));
  readonly mending: Mending;
  /** Whether what was stored before this process may be believed. */
  readonly trust: StoredTrust;
  readonly #deps: EngineDeps;
  readonly #files: StoredFiles;
  readonly #progress: ProgressFeed;
  readonly #running = new RunningTransfers();
  readonly #loading = new Map<string, Promise<RunningTransfer | null>>();
  readonly #sealing: Sealing;
  #replicaSide: Pick<ReplicaSide, 'beforeObeying' | 'beginClose' | 'close'> | null = null;
  #isClosed = false;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#progress = new ProgressFeed(deps.publishProgress);
    this.mending = new Mending({
      copies: deps.copies ?? null,
      onEvent: deps.publishMending ?? (() => {}),
      onFault: deps.onFault,
    });
    this.trust = new StoredTrust({
      nodeId: deps.nodeId,
      repository: deps.repository,
      isDiskTrusted: deps.isDiskTrusted,
      mending: this.mending,
      handOver: (transfer) => this.handOver(transfer),
      obey: (transfer, row) => this.obey(transfer, row),
      onUnsound: (transfer, file) => this.#files.restore(transfer, file),
    });
    this.#files = new StoredFiles({
      nodeId: deps.nodeId,
      store: deps.store,
      openFiles: this.openFiles,
      mending: this.mending,
      trust: this.trust,
      running: () => this.running(),
    });
    this.#sealing = new Sealing({
      nodeId: deps.nodeId,
      nowMs: deps.nowMs,
      repository: deps.repository,
      durability: deps.durability,
      hold: (transfer) => this.hold(transfer),
      useFile: (transfer, file) => this.useFile(transfer, file, 'read'),
      useStored: (file) => this.useStored(file),
      mend: (transfer, file, stored, index) => this.mending.mend(transfer, file, stored, index),
      end: (transferId, reason) => this.end(transferId, reason),
      obey: (transfer, row) => this.obey(transfer, row),
      onSealed: (transfer, file, digest) => this.#tellSealed(transfer, file, digest),
      onFault: deps.onFault,
    });
  }

  get nodeId(): string {
    return this.#deps.nodeId;
  }

  get nowMs(): number {
    return this.#deps.nowMs();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** For faults that nobody is told of: they must be seen all the same. */
  reportFault(what: string, fault: unknown): void {
    this.#deps.onFault(what, fault);
  }

  running(): readonly RunningTransfer[] {
    return this.#running.all();
  }

  /**
   * Takes a row that was just inserted or read, so that it is not read again.
   * @param options.isNew true right after its insertion: nothing of it can be stored yet, so nobody need look
   */
  adopt(found: TransferWithFiles, options: { isNew: boolean } = { isNew: false }): RunningTransfer {
    const known = this.#running.get(found.transfer.id);
    if (known !== undefined) {
      if (found.transfer.epoch > known.row.epoch) this.#obeySoon(known, found);
      else known.learn(found.transfer);
      return known;
    }
    const transfer = new RunningTransfer(found, this.nowMs, this.#deps.monotonicMs);
    if (options.isNew) this.trust.knowNew(transfer);
    this.#takeHome(transfer, transfer.row);
    this.#running.add(transfer);
    for (const idle of this.#running.surplus())
      void this.forget(idle).catch((fault: unknown) => this.reportFault('forget', fault));
    return transfer;
  }

  /** @throws not_found */
  async load(transferId: string): Promise<RunningTransfer> {
    const known = this.#running.get(transferId);
    if (known === undefined) return this.#find(`id ${transferId}`, () => this.#deps.repository.findById(transferId));
    known.lastUsedMs = this.nowMs;
    return known;
  }

  /** Like `load`, but "a node that sees a higher epoch re-reads first". @throws not_found */
  async loadAtEpoch(transferId: string, epoch: number): Promise<RunningTransfer> {
    const transfer = await this.load(transferId);
    if (transfer.row.epoch < epoch) await this.reread(transfer);
    return transfer;
  }

  /** Obeys the row as it is now. */
  async reread(transfer: RunningTransfer): Promise<void> {
    const found = await this.#deps.repository.findById(transfer.row.id);
    if (found !== null) await this.obey(transfer, found.transfer, found.files);
  }

  /** @throws not_found; unavailable when its row was not read for ten minutes, and cannot be now */
  async loadShare(shareId: string): Promise<RunningTransfer> {
    const known = this.#running.idOfShare(shareId);
    // Only as a share id: a transfer's own id gives no right to read it.
    if (known === undefined) return this.#find(`share ${shareId}`, () => this.#deps.repository.findByShareId(shareId));
    const transfer = await this.load(known);
    if (transfer.isRowRecent) return transfer;
    transfer.rereading ??= this.reread(transfer).finally(() => {
      transfer.rereading = null;
    });
    await transfer.rereading;
    return transfer;
  }

  /** Keeps the transfer and its files from being closed. The returned function is repeatable. */
  hold(transfer: RunningTransfer): () => void {
    return transfer.hold(this.#deps.nowMs);
  }

  /** Counts a body on its way in: a drain lets it end before the transfer moves. */
  holdAsWriter(transfer: RunningTransfer): () => void {
    return transfer.holdAs(this.#deps.nowMs, (by) => {
      transfer.bodyCount += by;
    });
  }

  /** Counts a reader for the sender's page. */
  holdAsReader(transfer: RunningTransfer): () => void {
    return transfer.holdAs(this.#deps.nowMs, (by) => {
      transfer.readers += by;
      // Readers at other nodes are readers at its home too; only that counts all of them.
      if (transfer.row.homeNodeId !== this.nodeId) return;
      this.#progress.recipientsChanged(transfer.row.id, transfer.row.generation, transfer.readers);
    });
  }

  /** See StoredFiles.use. */
  useFile(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null> {
    return this.#files.use(transfer, file, purpose);
  }

  /** See StoredFiles.useCopy: at a replica. */
  useCopy(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null> {
    return this.#files.useCopy(transfer, file, purpose);
  }

  /** See StoredFiles.useUnchecked: for another node. */
  useStored(file: RunningFile): Promise<FileUse | null> {
    return this.#files.useUnchecked(file);
  }

  /** Looks at what is stored of files nobody opened yet, so that a status is complete. */
  async learnValues(transfer: RunningTransfer): Promise<void> {
    for (const file of transfer.files) await this.#files.learn(transfer, file);
  }

  /** The same for one file. */
  learnFile(transfer: RunningTransfer, file: RunningFile): Promise<void> {
    return this.#files.learn(transfer, file);
  }

  /** See StoredFiles.holdsAll. */
  holdsAll(transfer: RunningTransfer, file: RunningFile): Promise<boolean> {
    return this.#files.holdsAll(transfer, file);
  }

  /** See StoredFiles.whileUnused. */
  whileUnused(fileId: string, act: () => Promise<boolean>): Promise<boolean> {
    return this.#files.whileUnused(fileId, act);
  }

  /** "Each transfer of this home handed to its in-sync replica." Obeys the row that comes of it. @throws unavailable */
  async handOver(transfer: RunningTransfer): Promise<void> {
    await this.#deps.askToAdopt?.(transfer.row);
    await this.reread(transfer);
  }

  /**
   * Commits one whole chunk, and seals the file with its last one. @throws see RunningFile.writeChunk, and moved,
   * ended, expired, disk_full
   * @param onSpent called once nothing holds the chunk's bytes any more; perhaps never
   */
  async writeChunk(
    transfer: RunningTransfer,
    file: RunningFile,
    chunk: Pick<SplitChunk, 'index' | 'bytes'>,
    expectedValue?: Uint8Array,
    onSpent?: () => void,
  ): Promise<WriteOutcome> {
    const mayCommit = () => transfer.assertWritable(this.nodeId, this.nowMs);
    mayCommit();
    const use = await this.useFile(transfer, file, 'write');
    if (use === null) throw new PeerLinkError('internal', 'A file could not be made.');
    try {
      const isPowerSafe = this.#deps.durability === 'power';
      const outcome = await file.writeChunk(use.stored, chunk.index, chunk.bytes, {
        expectedValue,
        onSpent,
        commit: this.#commitOf(transfer, file, mayCommit),
        isAlone: this.#deps.createHomeSide === undefined,
        isPowerSafe,
      });
      if (outcome !== 'same') {
        transfer.isTouched = true;
        this.#progress.committed(
          transfer.row.id,
          transfer.row.generation,
          transfer.readers,
          file.row.index,
          chunk.index,
        );
        this.#sealing.sealSoon(transfer, file);
      }
      return outcome;
    } catch (fault) {
      // The file was closed under the write because the transfer is over: that is what the sender is told.
      mayCommit();
      throw fault;
    } finally {
      use.release();
    }
  }

  /** @throws see Sealing.finishUnknownLength */
  finishUnknownLength(transfer: RunningTransfer, file: RunningFile, sizeBytes: number): Promise<void> {
    return this.#sealing.finishUnknownLength(transfer, file, sizeBytes);
  }

  /** @throws see Sealing.sealWhenComplete */
  sealWhenComplete(transfer: RunningTransfer, file: RunningFile): Promise<void> {
    return this.#sealing.sealWhenComplete(transfer, file);
  }

  /** Ends a transfer for everyone; repeatable. */
  async end(transferId: string, reason: EndReason): Promise<void> {
    await this.#deps.repository.end(transferId, reason);
    const transfer = this.#running.peek(transferId);
    if (transfer === undefined) return;
    const found = await this.#deps.repository.findById(transferId);
    if (found !== null) await this.obey(transfer, found.transfer);
  }

  /** Another node says that it has ended. Bytes go on a row's word only; readers and writers are told at once. */
  hearEnd(transferId: string, reason: EndReason | null): void {
    const transfer = this.#running.peek(transferId);
    transfer?.hearEnd(reason);
    const fault = transfer?.endFault(this.nowMs) ?? null;
    if (fault !== null) for (const file of transfer?.files ?? []) file.failWaiters(fault);
  }

  /** Takes a newer row and does what it says: an ended transfer lets go of its readers, writers and bytes. */
  async obey(transfer: RunningTransfer, row: TransferRow, files: readonly FileRow[] = []): Promise<void> {
    const wasEnded = transfer.row.state === 'ended';
    if (row.epoch > transfer.row.epoch) await this.#replicaSide?.beforeObeying(row.id, row);
    const before = transfer.row;
    transfer.learn(row);
    // Size and digest are set once: another node may have sealed the file.
    const newlySealed: RunningFile[] = [];
    for (const file of files) {
      const known = transfer.files[file.index];
      if (known?.learnRow(file) === true) newlySealed.push(known);
    }
    this.#sealing.learn(transfer, before, newlySealed);
    this.#takeHome(transfer, before);
    const fault = transfer.endFault(this.nowMs);
    if (fault !== null) for (const file of transfer.files) file.failWaiters(fault);
    if (transfer.row.state !== 'ended' || wasEnded) return;
    this.#deps.publishState(stateChange(transfer));
    await this.forget(transfer);
    await this.#files.remove(transfer);
  }

  /** Drops the transfer from memory and closes its files; of one that goes on, only those that nobody uses. */
  async forget(transfer: RunningTransfer): Promise<void> {
    this.#running.remove(transfer);
    transfer.home?.close();
    await this.#files.closeFiles(transfer);
  }

  /** Once a second, see `maintainTransfers`. */
  maintain(): Promise<void> {
    return maintainTransfers(this.running(), {
      engine: this,
      nowMs: this.#deps.nowMs,
      repository: this.#deps.repository,
      closeFiles: (transfer) => this.#files.closeFiles(transfer),
      onFault: this.#deps.onFault,
    });
  }

  /** See Sealing.sealLeftovers. */
  sealLeftovers(transfer: RunningTransfer): Promise<void> {
    return this.#sealing.sealLeftovers(transfer);
  }

  /** See Sealing.syncSealed. */
  syncSealed(): Promise<void> {
    return this.#sealing.syncSealed();
  }

  /** Whoever goes over many transfers stops, and nobody waits for the database any more. */
  beginClose(): void {
    this.#isClosed = true;
    for (const transfer of this.running()) transfer.home?.close();
    this.#replicaSide?.beginClose();
  }

  async close(): Promise<void> {
    this.beginClose();
    this.#progress.stop();
    await this.#replicaSide?.close();
    await this.openFiles.closeAll();
    this.#running.clear();
  }

  /** The transfer as `ReplicaSide` works with it. @throws not_found */
  async replicaTransfer(transferId: string): Promise<ReplicaTransfer> {
    return replicaView(this, await this.load(transferId));
  }

  /** The other half of ownership, once it is there: it is asked before any row with a higher epoch takes effect. */
  useReplicaSide(replicaSide: Pick<ReplicaSide, 'beforeObeying' | 'beginClose' | 'close'>): void {
    this.#replicaSide = replicaSide;
  }

  /** A home in a cluster has a side that replicates; it hears of each row first. One that was moved is fenced. */
  #takeHome(transfer: RunningTransfer, before: TransferRow): void {
    const { row } = transfer;
    transfer.home?.learn(before);
    if (row.homeNodeId === this.nodeId && row.state !== 'ended') {
      transfer.home ??= this.#deps.createHomeSide?.(homeView(this, transfer)) ?? null;
      if (this.#isClosed) transfer.home?.close();
      return;
    }
    const isFenced = transfer.home !== null;
    transfer.home = null;
    if (!isFenced || row.state === 'ended') return;
    // "Break waiting readers": they go on where the transfer is now.
    const moved = new PeerLinkError('moved', 'This transfer has another home node now.', {
      data: { home: row.homeNodeId },
    });
    for (const file of transfer.files) file.failWaiters(moved);
  }

  #obeySoon(transfer: RunningTransfer, found: TransferWithFiles): void {
    this.obey(transfer, found.transfer, found.files).catch((fault: unknown) => this.#deps.onFault('obey', fault));
  }

  #commitOf(transfer: RunningTransfer, file: RunningFile, mayCommit: () => void): Commit {
    return async (chunk, writeValue) => {
      mayCommit();
      const write = () => {
        mayCommit();
        return writeValue();
      };
      // Only a node without others commits without asking.
      if (this.#deps.createHomeSide === undefined) return write();
      if (transfer.home === null) throw new PeerLinkError('unavailable', 'This transfer is changing hands. Try again.');
      return transfer.home.commit(
        { fileIndex: file.row.index, chunkIndex: chunk.index, value: chunk.value, bytes: chunk.bytes },
        write,
      );
    };
  }

  /** Many that ask for the same at once cost one query. */
  async #find(key: string, find: () => Promise<TransferWithFiles | null>): Promise<RunningTransfer> {
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = find()
        .then((found) => (found === null ? null : this.adopt(found)))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    const transfer = await loading;
    if (transfer === null) throw new PeerLinkError('not_found', 'There is no such transfer.');
    return transfer;
  }

  #tellSealed(transfer: RunningTransfer, file: RunningFile, digest: Uint8Array): void {
    this.#progress.sealed(transfer.row.id, transfer.row.generation, transfer.readers, file.row.index, digest);
    if (transfer.row.state !== 'sealed') return;
    this.#progress.flush(transfer.row.id);
    this.#deps.publishState(stateChange(transfer));
  }
}
