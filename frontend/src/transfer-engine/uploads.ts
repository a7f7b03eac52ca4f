/**
 * The page's view of its uploads: begins them in the worker, follows them, remembers them for the next visit. No
 * React: components subscribe and read.
 */
import type {
  ClusterResponse,
  OwnedTransfer,
  TransferState,
  TransferStatusResponse,
} from '../../../services/contracts/http.ts';
import { CELL, ChunkMap, type ChunkRange } from './chunk-map.ts';
import { fingerprintOf } from './fingerprint.ts';
import { leftOver, type PickedFile } from './match-files.ts';
import { addressesOf } from './node-book.ts';
import { OWN } from './node-choice.ts';
import { PickedAgain } from './picked-again.ts';
import {
  forgetUpload,
  listUploads,
  type StoredUpload,
  saveFingerprints,
  saveUpload,
  withFingerprints,
} from './resume-store.ts';
import { serverClock } from './server-clock.ts';
import { type Answered, httpTransport, type UploadTransport } from './transport.ts';
import type { UploadPhase } from './upload-phase.ts';
import type { UploadSnapshot } from './upload-session.ts';
import { UploadTabs } from './upload-tabs.ts';
import {
  awaitedFiles,
  isHeld,
  mayBeAskedAgain,
  restoredView,
  takesFiles,
  type UploadView,
  unreadableFileOf,
  viewAfter,
  viewOf,
} from './upload-view.ts';
import UploadWorker from './upload-worker.ts?worker';
import type { FromWorker, NodePlan, PageEvent, ToWorker } from './worker-protocol.ts';

export { isActive, isHeld, type UploadView, type UploadViewPhase, unreadableFileOf } from './upload-view.ts';

export interface UploadPace {
  readonly window: number;
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  readonly nodes: NodePlan;
}
export interface OpenedUpload {
  readonly transfer: OwnedTransfer;
  readonly uploadToken: string;
  readonly handles: readonly (FileSystemFileHandle | undefined)[];
}
export type ResumeOutcome<Picked extends PickedFile = PickedFile> =
  /** `left`: what was picked beside its files. */
  | { readonly kind: 'resumed'; readonly left: readonly Picked[] }
  /** Paths that are not fully stored and have not been picked again; `foundCount` files have. */
  | { readonly kind: 'missing'; readonly paths: readonly string[]; readonly foundCount: number };

interface BegunUpload {
  readonly worker: Worker;
  readonly files: readonly (File | null)[];
  readonly pace: UploadPace;
}

const NOTHING_TO_RESUME = { kind: 'missing', paths: [], foundCount: 0 } as const;
const STATUS_TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 5_000;
/** Nothing of these can go on after a reload. */
const FORGOTTEN: ReadonlySet<UploadPhase['name']> = new Set(['sealed', 'ended', 'failed', 'cancelled']);

class Uploads {
  #views: readonly UploadView[] = [];
  #records = new Map<string, StoredUpload>();
  #listeners = new Set<() => void>();
  /** The one that the next upload begins in. */
  #worker: Worker | null = null;
  /** Addresses of nodes that were known when it was loaded. */
  #allowed: ReadonlySet<string> | null = null;
  readonly #begun = new Map<string, BegunUpload>();
  readonly #haveSpoken = new WeakSet<Worker>();
  #missingWorkers = 0;
  readonly #picked = new PickedAgain(fingerprintOf);
  #cluster: ClusterResponse | null = null;
  readonly #tabs = new UploadTabs(
    () => this.#views.filter(isHeld).map((view) => view.transferId),
    (transferIds) => this.#leaveToOthers(transferIds),
  );
  #restoring: Promise<void> | undefined;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** Newest first. */
  readonly read = (): readonly UploadView[] => this.#views;
  /** Workers in a row that ended before they said anything: the line is down, or the server has another build now. */
  readonly missingWorkers = (): number => this.#missingWorkers;

  /**
   * Begins to send a transfer that was just opened; `files` in the transfer's order. Its link is shown and its token kept
   * at once, whatever `pacing` waits for. @param pacing never rejects
   */
  begin(opened: OpenedUpload, files: readonly File[], pacing: Promise<UploadPace>): void {
    const { transfer } = opened;
    const record: StoredUpload = {
      transferId: transfer.id,
      shareId: transfer.shareId,
      link: transfer.link,
      uploadToken: opened.uploadToken,
      maxRunBytes: transfer.maxRunBytes,
      savedAtMs: Date.now(),
      expiresAt: transfer.expiresAt,
      files: transfer.files.map((file, index) => ({
        path: file.path,
        sizeBytes: file.sizeBytes ?? 0,
        chunkSizeBytes: file.chunkSizeBytes,
        chunkCount: file.chunkCount ?? 0,
        lastModifiedMs: files[index]?.lastModified ?? null,
        fingerprint: null,
        ...(files[index] ? { pickedName: files[index].name } : {}),
        ...(opened.handles[index] ? { handle: opened.handles[index] } : {}),
      })),
      ...(transfer.recipients
        ? { recipients: transfer.recipients.map(({ id, displayName }) => ({ id, displayName })) }
        : {}),
    };
    this.#records.set(transfer.id, record);
    this.#put(viewOf(record, { name: 'checking' }, new ChunkMap(record.files)));
    // Handing a thousand files to the worker takes a moment: the link is on the screen before.
    setTimeout(async () => {
      if (!this.#records.has(transfer.id)) return;
      void saveUpload(record);
      const pace = await pacing;
      if (!this.#records.has(transfer.id)) return;
      this.#start(record, files, pace, transfer.home.nodeId, record.recipients !== undefined);
    }, 0);
  }

  /**
   * Finds uploads of earlier visits that are not finished; those that are over are forgotten. One of which everything is
   * stored needs no files: it is followed to its seal.
   */
  restore(ownAddress: string, pace: () => Promise<UploadPace>): Promise<void> {
    this.#restoring ??= this.#restoreAll(ownAddress, pace);
    return this.#restoring;
  }

  /**
   * Goes on with an upload of an earlier visit once the files are there that it still needs, or with one of this visit
   * whose file cannot be read any more once that is there: its other files are still in hand.
   * @param isPart they were picked for it, perhaps a folder of several: what is found counts for the next pick, too
   */
  async resumeWith<Picked extends PickedFile>(
    transferId: string,
    picked: readonly Picked[],
    pace: UploadPace,
    isPart = true,
  ): Promise<ResumeOutcome<Picked>> {
    const record = this.#records.get(transferId);
    const before = this.#find(transferId);
    if (!record || !before || !takesFiles(before)) return NOTHING_TO_RESUME;
    const found = await this.#picked.match(transferId, record.files, picked, isPart);
    const view = this.#find(transferId);
    if (!view || !this.#records.has(transferId)) return NOTHING_TO_RESUME;
    const files = found.map((file, index) => file ?? this.#inHand(view, index));
    // The pick before may have brought all that was missing: begun twice, the two would take each other's place.
    const left = leftOver(picked, files);
    if (!takesFiles(view)) return { kind: 'resumed', left };
    const missing = record.files.filter(
      (file, index) => !files[index] && (view.storedBytesByFile[index] ?? 0) < file.sizeBytes,
    );
    if (missing.length > 0) {
      const foundCount = files.filter((file) => file !== null).length;
      return { kind: 'missing', paths: missing.map((file) => file.path), foundCount };
    }
    this.#change(transferId, { phase: { name: 'checking' } });
    this.#start(this.#records.get(transferId) ?? record, files, pace, null);
    return { kind: 'resumed', left };
  }

  /**
   * Asks the other tabs what they are sending, and offers none of that here any more. A tab says so by itself when it
   * begins, but not to one that slept. @returns the transfers that other tabs are busy with
   */
  yieldToOthers(): Promise<ReadonlySet<string>> {
    return this.#tabs.busyElsewhere();
  }

  #leaveToOthers(transferIds: readonly string[]): void {
    for (const transferId of transferIds) {
      if (this.#find(transferId)?.phase.name !== 'needs_files') continue;
      this.#remove(transferId);
      // That tab may close before the end: the next look at what is unfinished finds it again.
      this.#restoring = undefined;
    }
  }

  /** What was chosen on this visit, unless it turned out to be unreadable. */
  #inHand(view: UploadView, index: number): File | null {
    return index === unreadableFileOf(view) ? null : (this.#begun.get(view.transferId)?.files[index] ?? null);
  }

  /** Handles kept from an earlier visit, when every file that is still needed has one. */
  handlesFor(transferId: string): readonly FileSystemFileHandle[] | null {
    const view = this.#find(transferId);
    if (!view) return null;
    const needed = awaitedFiles(view);
    const handles = needed.flatMap((file) => (file.handle ? [file.handle] : []));
    return needed.length > 0 && handles.length === needed.length ? handles : null;
  }

  tell(transferId: string, event: PageEvent): void {
    this.#post({ type: 'event', transferId, event });
  }

  /** All that this page sends, what stopped or is paused among it. */
  tellAll(event: PageEvent): void {
    for (const view of this.#views) if (isHeld(view)) this.tell(view.transferId, event);
  }

  heardCommitted(transferId: string, fileIndex: number, ranges: readonly ChunkRange[]): void {
    this.tell(transferId, { type: 'committed', fileIndex, ranges });
  }

  /** A recipient of a direct send wants it. */
  heardAccepted(transferId: string): void {
    this.tell(transferId, { type: 'accepted' });
  }

  heardState(transferId: string, state: TransferState): void {
    this.tell(transferId, { type: 'transfer_state', state });
  }

  /** Stops sending and forgets it here; deleting it at the server is the caller's. */
  drop(transferId: string): void {
    this.stop(transferId);
    this.forget(transferId);
  }

  /** Stops sending it; on another visit it is found unfinished, until it is forgotten. */
  stop(transferId: string): void {
    this.tell(transferId, { type: 'cancel' });
    this.#forgetBegun(transferId);
    this.#remove(transferId);
  }

  forget(transferId: string): void {
    void forgetUpload(transferId);
  }

  async #restoreAll(ownAddress: string, pace: () => Promise<UploadPace>): Promise<void> {
    const records = await listUploads();
    if (records.length === 0) return;
    const elsewhere = await this.#tabs.busyElsewhere();
    await Promise.all(
      records.map(async (record) => {
        if (elsewhere.has(record.transferId) || this.#find(record.transferId)) return;
        if (serverClock.hasPassed(record.expiresAt)) return forgetUpload(record.transferId);
        const transport = httpTransport(record.transferId, record.uploadToken, ownAddress);
        const answer = await transport.status(OWN, STATUS_TIMEOUT_MS);
        this.#showRestored(record, answer, pace);
        if (!answer.ok) void this.#lookAgain(record, transport, pace);
      }),
    );
  }

  #showRestored(record: StoredUpload, answer: Answered<TransferStatusResponse>, pace: () => Promise<UploadPace>): void {
    const { transferId } = record;
    const view = restoredView(record, answer);
    if (view === null) {
      if (this.#find(transferId)) this.#remove(transferId);
      void forgetUpload(transferId);
      return;
    }
    this.#records.set(transferId, record);
    if (this.#find(transferId)) this.#change(transferId, view);
    else this.#put(view);
    if (view.phase.name === 'checking') void this.#follow(record, pace);
  }

  /** The line may be back before the files are: what the server has is asked for until somebody goes on with it. */
  async #lookAgain(record: StoredUpload, transport: UploadTransport, pace: () => Promise<UploadPace>): Promise<void> {
    const isUnknown = () => {
      const view = this.#find(record.transferId);
      return view !== undefined && !view.isStoredKnown && view.phase.name === 'needs_files';
    };
    while (isUnknown()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      if (!isUnknown()) return;
      const answer = await transport.status(OWN, STATUS_TIMEOUT_MS);
      if (!isUnknown()) return;
      this.#showRestored(record, answer, pace);
      if (!answer.ok && !mayBeAskedAgain(answer.fault)) return;
    }
  }

  async #follow(record: StoredUpload, pace: () => Promise<UploadPace>): Promise<void> {
    const known = await pace();
    if (this.#records.get(record.transferId) !== record) return;
    const noFiles = record.files.map(() => null);
    this.#start(record, noFiles, known, null);
  }

  #start(
    record: StoredUpload,
    files: readonly (File | null)[],
    { nodes, ...pace }: UploadPace,
    homeNodeId: string | null,
    awaitsAnswer = false,
  ): void {
    const { transferId } = record;
    this.#picked.forget(transferId);
    this.#tabs.took(transferId);
    this.#cluster = nodes.cluster ?? this.#cluster;
    const before = this.#begun.get(transferId)?.worker;
    const worker = this.#workerFor(nodes);
    this.#begun.set(transferId, { worker, files, pace: { nodes, ...pace } });
    // In the same worker the one before gives way by itself.
    if (before && before !== worker) this.#endIn(before, transferId);
    this.#post({
      type: 'begin',
      transferId,
      uploadToken: record.uploadToken,
      plan: {
        ...pace,
        files: record.files,
        maxRunBytes: record.maxRunBytes,
        homeNodeId,
        awaitsAnswer,
      },
      nodes: { ...nodes, cluster: this.#cluster },
      files,
      // A file of one chunk is there or not: two versions of it cannot be mixed, and a thousand of them cost much to read.
      unmarkedFiles: record.files.flatMap((file, index) =>
        file.fingerprint === null && file.chunkCount > 1 ? [index] : [],
      ),
    });
  }

  /** The nodes as the page or the worker heard of them. */
  heardCluster(cluster: ClusterResponse): void {
    this.#cluster = cluster;
    for (const worker of this.#workers()) worker.postMessage({ type: 'cluster', cluster } satisfies ToWorker);
  }

  /** Loads the worker ahead of the first upload. */
  warmUp(): void {
    this.#workerNow();
  }

  #workerNow(): Worker {
    if (!this.#worker) {
      const worker = new UploadWorker();
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#heard(worker, data);
      worker.onerror = () => this.#workerFailed(worker);
      this.#worker = worker;
    }
    return this.#worker;
  }

  /** A worker may talk to the nodes that its policy listed when it was loaded: for newer ones a newer worker. */
  #workerFor({ settings }: NodePlan): Worker {
    const addresses = settings.usesCluster && this.#cluster ? addressesOf(this.#cluster) : [];
    if (this.#worker && this.#allowed && addresses.some((address) => !this.#allowed?.has(address))) {
      this.#retire(this.#worker);
    }
    const worker = this.#workerNow();
    this.#allowed ??= new Set(addresses);
    return worker;
  }

  /** It ends what it has begun. */
  #retire(worker: Worker): void {
    this.#worker = null;
    this.#allowed = null;
    this.#endIfIdle(worker);
  }

  #endIn(worker: Worker, transferId: string): void {
    worker.postMessage({ type: 'event', transferId, event: { type: 'cancel' } } satisfies ToWorker);
    this.#endIfIdle(worker);
  }

  #endIfIdle(worker: Worker): void {
    if (worker !== this.#worker && ![...this.#begun.values()].some((begun) => begun.worker === worker)) {
      worker.terminate();
    }
  }

  #workers(): ReadonlySet<Worker> {
    return new Set([...this.#begun.values()].map(({ worker }) => worker));
  }

  /** The worker did not load or broke: what it was sending is as after a reload. */
  #workerFailed(worker: Worker): void {
    worker.terminate();
    if (this.#worker === worker) this.#worker = null;
    if (!this.#haveSpoken.has(worker)) this.#missingWorkers += 1;
    for (const [transferId, begun] of this.#begun) {
      if (begun.worker !== worker) continue;
      this.#begun.delete(transferId);
      const view = this.#find(transferId);
      if (view && isHeld(view)) this.#change(transferId, { phase: { name: 'needs_files' } });
    }
    this.#notify();
  }

  #post(message: Extract<ToWorker, { readonly transferId: string }>): void {
    this.#begun.get(message.transferId)?.worker.postMessage(message);
  }

  #heard(worker: Worker, message: FromWorker): void {
    this.#haveSpoken.add(worker);
    this.#missingWorkers = 0;
    if (message.type === 'fingerprints') this.#marked(message.transferId, message.marks);
    else if (message.type === 'cluster') this.#cluster = message.cluster;
    // What was begun anew in another worker is told by that one.
    else if (this.#begun.get(message.transferId)?.worker === worker) this.#apply(message.transferId, message.snapshot);
  }

  #marked(transferId: string, marks: Extract<FromWorker, { type: 'fingerprints' }>['marks']): void {
    void saveFingerprints(transferId, marks);
    const record = this.#records.get(transferId);
    if (record) this.#records.set(transferId, { ...record, files: withFingerprints(record.files, marks) });
  }

  #apply(transferId: string, snapshot: UploadSnapshot): void {
    const view = this.#find(transferId);
    if (!view) return;
    this.#change(transferId, viewAfter(view, snapshot));
    if (FORGOTTEN.has(snapshot.phase.name)) {
      // A direct send that is stored is still on its way to somebody: it is found again after a reload.
      const isStillDue = snapshot.phase.name === 'sealed' && view.recipients !== null;
      if (!isStillDue) void forgetUpload(transferId);
      this.#forgetBegun(transferId);
    } else if (snapshot.phase.name === 'offline') {
      this.#beginElsewhere(transferId);
    }
  }

  #forgetBegun(transferId: string): void {
    const worker = this.#begun.get(transferId)?.worker;
    this.#begun.delete(transferId);
    if (worker) this.#endIfIdle(worker);
  }

  /** None of the nodes answers that its worker may ask, but there are newer ones: a newer worker may ask those. */
  #beginElsewhere(transferId: string): void {
    const begun = this.#begun.get(transferId);
    const record = this.#records.get(transferId);
    if (!begun || !record || !begun.pace.nodes.settings.usesCluster) return;
    const { worker, files, pace } = begun;
    if (this.#workerFor(pace.nodes) === worker) return;
    const view = this.#find(transferId);
    view?.cells.fill(CELL.waiting);
    this.#start(record, files, pace, null);
  }

  #find(transferId: string): UploadView | undefined {
    return this.#views.find((view) => view.transferId === transferId);
  }

  #put(view: UploadView): void {
    this.#views = [view, ...this.#views.filter((other) => other.transferId !== view.transferId)];
    this.#notify();
  }

  #remove(transferId: string): void {
    this.#picked.forget(transferId);
    this.#records.delete(transferId);
    this.#views = this.#views.filter((view) => view.transferId !== transferId);
    this.#notify();
  }

  #change(transferId: string, change: Partial<UploadView>): void {
    this.#views = this.#views.map((view) => (view.transferId === transferId ? { ...view, ...change } : view));
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** One per page: the worker, the views and the records belong together. */
export const uploads = new Uploads();
