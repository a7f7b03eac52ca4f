/**
 * The page's view of its uploads: begins them in the worker, follows them, remembers them for the next visit. No
 * React: components subscribe and read.
 */
import type { ClusterResponse, TransferState } from '../../../services/contracts/http.ts';
import { CELL, ChunkMap, type ChunkRange } from './chunk-map.ts';
import { fingerprintOf } from './fingerprint.ts';
import { leftOver, type PickedFile } from './match-files.ts';
import { PickedAgain } from './picked-again.ts';
import { forgetUpload, type StoredUpload, saveFingerprints, saveUpload, withFingerprints } from './resume-store.ts';
import { UnfinishedUploads } from './unfinished-uploads.ts';
import { UploadList } from './upload-list.ts';
import { OVER } from './upload-phase.ts';
import { type OpenedUpload, recordOfOpened } from './upload-record.ts';
import type { UploadSnapshot } from './upload-session.ts';
import { UploadTabs } from './upload-tabs.ts';
import {
  awaitedFiles,
  isHeld,
  takesFiles,
  type UploadView,
  unreadableFileOf,
  viewAfter,
  viewOf,
} from './upload-view.ts';
import UploadWorker from './upload-worker.ts?worker';
import { type UploadPace, UploadWorkers } from './upload-workers.ts';
import type { FromWorker, PageEvent } from './worker-protocol.ts';

export type ResumeOutcome<Picked extends PickedFile = PickedFile> =
  /** `left`: what was picked beside its files. */
  | { readonly kind: 'resumed'; readonly left: readonly Picked[] }
  /** Paths that are not fully stored and have not been picked again; `foundCount` files have. */
  | { readonly kind: 'missing'; readonly paths: readonly string[]; readonly foundCount: number };

const NOTHING_TO_RESUME = { kind: 'missing', paths: [], foundCount: 0 } as const;

class Uploads {
  readonly #list = new UploadList();
  readonly #workers = new UploadWorkers({
    make: () => new UploadWorker(),
    heard: (message) => this.#heard(message),
    failed: (transferIds) => this.#lost(transferIds),
  });
  readonly #picked = new PickedAgain(fingerprintOf);
  readonly #tabs = new UploadTabs(
    () =>
      this.read()
        .filter(isHeld)
        .map((view) => view.transferId),
    (transferIds) => this.#leaveToOthers(transferIds),
  );
  #restoring: Promise<void> | undefined;

  readonly subscribe = this.#list.subscribe;
  readonly read = this.#list.read;
  /** Workers in a row that ended before they said anything: the line is down, or the server has another build now. */
  readonly missingWorkers = (): number => this.#workers.missingCount;

  /**
   * Begins to send a transfer that was just opened; `files` in the transfer's order. Its link is shown and its token kept
   * at once, whatever `pacing` waits for. @param pacing never rejects
   */
  begin(opened: OpenedUpload, files: readonly File[], pacing: Promise<UploadPace>): void {
    const record = recordOfOpened(opened, files, Date.now());
    const { transferId } = record;
    this.#list.put(record, viewOf(record, { name: 'checking' }, new ChunkMap(record.files)));
    // Handing a thousand files to the worker takes a moment: the link is on the screen before.
    setTimeout(async () => {
      if (!this.#list.recordOf(transferId)) return;
      void saveUpload(record);
      const pace = await pacing;
      if (!this.#list.recordOf(transferId)) return;
      this.#start(record, files, pace, opened.transfer.home.nodeId, record.recipients !== undefined);
    }, 0);
  }

  /**
   * Finds uploads of earlier visits that are not finished; those that are over are forgotten. One of which everything is
   * stored needs no files: it is followed to its seal.
   */
  restore(ownAddress: string, pace: () => Promise<UploadPace>): Promise<void> {
    this.#restoring ??= new UnfinishedUploads({
      list: this.#list,
      busyElsewhere: () => this.#tabs.busyElsewhere(),
      follow: (record) => void this.#follow(record, pace),
      remove: (transferId) => this.#remove(transferId),
    }).restore(ownAddress);
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
    const record = this.#list.recordOf(transferId);
    const before = this.#list.find(transferId);
    if (!record || !before || !takesFiles(before)) return NOTHING_TO_RESUME;
    const found = await this.#picked.match(transferId, record.files, picked, isPart);
    const view = this.#list.find(transferId);
    if (!view || !this.#list.recordOf(transferId)) return NOTHING_TO_RESUME;
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
    this.#list.change(transferId, { phase: { name: 'checking' } });
    this.#start(this.#list.recordOf(transferId) ?? record, files, pace, null);
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
      if (this.#list.find(transferId)?.phase.name !== 'needs_files') continue;
      this.#remove(transferId);
      // That tab may close before the end: the next look at what is unfinished finds it again.
      this.#restoring = undefined;
    }
  }

  /** What was chosen on this visit, unless it turned out to be unreadable. */
  #inHand(view: UploadView, index: number): File | null {
    return index === unreadableFileOf(view) ? null : this.#workers.fileOf(view.transferId, index);
  }

  /** Handles kept from an earlier visit, when every file that is still needed has one. */
  handlesFor(transferId: string): readonly FileSystemFileHandle[] | null {
    const view = this.#list.find(transferId);
    if (!view) return null;
    const needed = awaitedFiles(view);
    const handles = needed.flatMap((file) => (file.handle ? [file.handle] : []));
    return needed.length > 0 && handles.length === needed.length ? handles : null;
  }

  tell(transferId: string, event: PageEvent): void {
    this.#workers.post({ type: 'event', transferId, event });
  }

  /** All that this page sends, what stopped or is paused among it. */
  tellAll(event: PageEvent): void {
    for (const view of this.read()) if (isHeld(view)) this.tell(view.transferId, event);
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
    this.#workers.forget(transferId);
    this.#remove(transferId);
  }

  forget(transferId: string): void {
    void forgetUpload(transferId);
  }

  /** The nodes as the page heard of them. */
  heardCluster(cluster: ClusterResponse): void {
    this.#workers.heardCluster(cluster);
  }

  /** Loads the worker ahead of the first upload. */
  warmUp(): void {
    this.#workers.warmUp();
  }

  async #follow(record: StoredUpload, pace: () => Promise<UploadPace>): Promise<void> {
    const known = await pace();
    if (this.#list.recordOf(record.transferId) !== record) return;
    const noFiles = record.files.map(() => null);
    this.#start(record, noFiles, known, null);
  }

  #start(
    record: StoredUpload,
    files: readonly (File | null)[],
    pace: UploadPace,
    homeNodeId: string | null,
    awaitsAnswer = false,
  ): void {
    this.#picked.forget(record.transferId);
    this.#tabs.took(record.transferId);
    this.#workers.begin(record, files, pace, homeNodeId, awaitsAnswer);
  }

  /** Their worker is gone: they are as after a reload. */
  #lost(transferIds: readonly string[]): void {
    for (const transferId of transferIds) {
      const view = this.#list.find(transferId);
      if (view && isHeld(view)) this.#list.change(transferId, { phase: { name: 'needs_files' } });
    }
    this.#list.notify();
  }

  #heard(message: Exclude<FromWorker, { readonly type: 'cluster' }>): void {
    if (message.type === 'fingerprints') this.#marked(message.transferId, message.marks);
    else this.#apply(message.transferId, message.snapshot);
  }

  #marked(transferId: string, marks: Extract<FromWorker, { type: 'fingerprints' }>['marks']): void {
    void saveFingerprints(transferId, marks);
    const record = this.#list.recordOf(transferId);
    if (record) this.#list.keep({ ...record, files: withFingerprints(record.files, marks) });
  }

  #apply(transferId: string, snapshot: UploadSnapshot): void {
    const view = this.#list.find(transferId);
    if (!view) return;
    this.#list.change(transferId, viewAfter(view, snapshot));
    // Nothing of what is over can go on after a reload.
    if (OVER.has(snapshot.phase.name)) {
      // A direct send that is stored is still on its way to somebody: it is found again after a reload.
      const isStillDue = snapshot.phase.name === 'sealed' && view.recipients !== null;
      if (!isStillDue) void forgetUpload(transferId);
      this.#workers.forget(transferId);
    } else if (snapshot.phase.name === 'offline') {
      this.#beginElsewhere(transferId);
    }
  }

  /** None of the nodes answers that its worker may ask, but there are newer ones: a newer worker may ask those. */
  #beginElsewhere(transferId: string): void {
    const record = this.#list.recordOf(transferId);
    const begun = record && this.#workers.outdated(transferId);
    if (!begun) return;
    this.#list.find(transferId)?.cells.fill(CELL.waiting);
    this.#start(record, begun.files, begun.pace, null);
  }

  #remove(transferId: string): void {
    this.#picked.forget(transferId);
    this.#list.remove(transferId);
  }
}

/** One per page: the worker, the views and the records belong together. */
export const uploads = new Uploads();
