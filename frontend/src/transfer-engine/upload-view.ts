/** An upload as the page shows it. Pure. */
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { Person } from '../../../services/contracts/person.ts';
import { adoptStatus } from './adopt-status.ts';
import { ChunkMap } from './chunk-map.ts';
import type { StoredFile, StoredUpload } from './resume-store.ts';
import type { Answered } from './transport.ts';
import { GOING_ON, type UploadPhase } from './upload-phase.ts';
import type { UploadSnapshot } from './upload-session.ts';

/** Beside the machine's phases: an upload of an earlier visit, whose files must be picked again. */
export type UploadViewPhase = UploadPhase | { readonly name: 'needs_files' };

/** What has left this machine may have to be sent again: "100%" is said of what is stored. */
const MOST_NOT_STORED = 0.99;

/** Replaced, never changed, on each step; its arrays of numbers are shared and `revision` tells of news. */
export interface UploadView {
  readonly transferId: string;
  readonly shareId: string;
  readonly link: string;
  readonly uploadToken: string;
  readonly expiresAt: string;
  readonly files: readonly StoredFile[];
  readonly phase: UploadViewPhase;
  readonly totalBytes: number;
  readonly storedBytes: number;
  /** False for one of an earlier visit while the server could not be asked: the counts and cells then say nothing. */
  readonly isStoredKnown: boolean;
  /** Stored, or sent on this visit and at most a chunk of each file ahead: it falls only when the server has lost something. */
  readonly movedBytes: number;
  readonly bytesPerSecond: number | null;
  readonly remainingMs: number | null;
  readonly cells: Uint8Array;
  readonly storedBytesByFile: Float64Array;
  /** As `movedBytes`, which is the sum of them. */
  readonly movedBytesByFile: Float64Array;
  readonly digests: readonly (string | null)[];
  readonly revision: number;
  /** Whom a direct send was offered to, and nobody else can have it; null for a share. */
  readonly recipients: readonly Person[] | null;
}

export function isActive(view: UploadView): boolean {
  return GOING_ON.has(view.phase.name);
}
/** Its files are in this page's hands: another tab must leave it alone, and closing this one would stop it. */
export function isHeld(view: UploadView): boolean {
  return isActive(view) || view.phase.name === 'paused' || view.phase.name === 'stalled';
}

/** How far it is, from 0 to 1: all of it only when all of it is stored. An empty transfer is whole once it is sealed. */
export function shareMoved(view: Pick<UploadView, 'phase' | 'totalBytes' | 'storedBytes' | 'movedBytes'>): number {
  if (view.phase.name === 'sealed') return 1;
  return view.totalBytes === 0 ? 0 : shareOf(view.totalBytes, view.storedBytes, view.movedBytes);
}
/** How far one of its files is, counted as all of it is. An empty file is whole. */
export function shareMovedOfFile(
  view: Pick<UploadView, 'files' | 'storedBytesByFile' | 'movedBytesByFile'>,
  index: number,
): number {
  const sizeBytes = view.files[index]?.sizeBytes ?? 0;
  if (sizeBytes === 0) return 1;
  return shareOf(sizeBytes, view.storedBytesByFile[index] ?? 0, view.movedBytesByFile[index] ?? 0);
}
function shareOf(sizeBytes: number, storedBytes: number, movedBytes: number): number {
  const share = movedBytes / sizeBytes;
  return storedBytes < sizeBytes ? Math.min(share, MOST_NOT_STORED) : share;
}

/** Which of its files cannot be read any more, and stopped it; null when none has. */
export function unreadableFileOf({ phase }: Pick<UploadView, 'phase'>): number | null {
  return phase.name === 'stalled' && phase.fault.kind === 'unreadable' ? phase.fault.fileIndex : null;
}
/** Files may be given to it: those of an earlier visit, or the one that cannot be read any more. */
export function takesFiles(view: Pick<UploadView, 'phase'>): boolean {
  return view.phase.name === 'needs_files' || unreadableFileOf(view) !== null;
}
/** What it has to be given before it can go on, as far as is known. */
export function awaitedFiles(view: Pick<UploadView, 'phase' | 'files' | 'storedBytesByFile'>): readonly StoredFile[] {
  const unreadable = unreadableFileOf(view);
  return view.files.filter((file, index) =>
    unreadable === null ? (view.storedBytesByFile[index] ?? 0) < file.sizeBytes : index === unreadable,
  );
}

/** An upload of an earlier visit as the server knows it; null when it is over, and need not be remembered. */
export function restoredView(record: StoredUpload, answer: Answered<TransferStatusResponse>): UploadView | null {
  const isSealed = answer.ok && answer.value.state === 'sealed';
  const isOver = answer.ok
    ? answer.value.state === 'ended' || (isSealed && record.recipients === undefined)
    : answer.fault.kind === 'problem' && answer.fault.type === 'not_found';
  if (isOver) return null;
  const map = mapOf(record, answer.ok ? answer.value : null);
  // One of which everything is stored needs no files: it is followed to its seal.
  const name = isSealed ? 'sealed' : map.isComplete ? 'checking' : 'needs_files';
  return { ...viewOf(record, { name }, map), isStoredKnown: answer.ok };
}

/** After news of its session; its arrays of numbers are changed in place. */
export function viewAfter(view: UploadView, snapshot: UploadSnapshot): UploadView {
  for (const { from, states } of snapshot.cells) view.cells.set(states, from);
  for (const { index, storedBytes, movedBytes } of snapshot.files) {
    // What was on its way when the line broke is sent again: that takes longer, but nothing is further away than before.
    const hasLost = storedBytes < (view.storedBytesByFile[index] ?? 0);
    const beforeBytes = hasLost ? 0 : (view.movedBytesByFile[index] ?? 0);
    view.movedBytesByFile[index] = Math.max(beforeBytes, movedBytes);
    view.storedBytesByFile[index] = storedBytes;
  }
  return {
    ...view,
    phase: snapshot.phase,
    // A session that was just begun knows nothing yet: what was known before it stays, or progress would run backwards.
    storedBytes: snapshot.isStoredKnown ? snapshot.storedBytes : view.storedBytes,
    isStoredKnown: view.isStoredKnown || snapshot.isStoredKnown,
    movedBytes: view.movedBytesByFile.reduce((sum, bytes) => sum + bytes, 0),
    bytesPerSecond: snapshot.bytesPerSecond,
    remainingMs: snapshot.remainingMs,
    digests: snapshot.digests,
    revision: view.revision + 1,
  };
}

function mapOf(record: StoredUpload, status: TransferStatusResponse | null): ChunkMap {
  const map = new ChunkMap(record.files);
  if (status) adoptStatus(map, status, false);
  return map;
}

export function viewOf(record: StoredUpload, phase: UploadViewPhase, map: ChunkMap): UploadView {
  return {
    transferId: record.transferId,
    shareId: record.shareId,
    link: record.link,
    uploadToken: record.uploadToken,
    expiresAt: record.expiresAt,
    files: record.files,
    phase,
    totalBytes: map.totalBytes,
    storedBytes: map.storedBytes,
    isStoredKnown: true,
    movedBytes: map.storedBytes,
    bytesPerSecond: null,
    remainingMs: null,
    cells: map.cells,
    storedBytesByFile: map.storedBytesByFile,
    movedBytesByFile: map.storedBytesByFile.slice(),
    digests: [],
    revision: 0,
    recipients: record.recipients ?? null,
  };
}
