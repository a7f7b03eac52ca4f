import type {
  ChunkStatus,
  FileSummary,
  OwnedTransfer,
  ShareResponse,
  TransferStatusResponse,
  TransferSummary,
} from '../contracts/http.ts';
import { MAX_RUN_BYTES } from '../contracts/limits.ts';
import type { FileRow, TransferRow } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** Rows as the API shows them. */

export function shareLink(publicOrigin: string, shareId: string): string {
  return `${publicOrigin}/d/${shareId}`;
}

export function hex(digest: Uint8Array | null): string | null {
  return digest === null ? null : Buffer.from(digest).toString('hex');
}

export function summarizeTransfer(
  row: TransferRow,
  totals: { fileCount: number; totalBytes: number | null; committedBytes: number },
): TransferSummary {
  return {
    id: row.id,
    shareId: row.shareId,
    kind: row.kind,
    state: row.state,
    endReason: row.endReason,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    ...totals,
    maxDownloads: row.maxDownloads,
    downloadCount: row.downloadCount,
    hasPassword: row.passwordHash !== null,
    senderName: row.senderName,
  };
}

export function summarizeFileRow(row: FileRow, committed: { chunkCount: number; bytes: number }): FileSummary {
  return {
    index: row.index,
    path: row.path,
    sizeBytes: row.sizeBytes,
    chunkSizeBytes: row.chunkSizeBytes,
    chunkCount: row.sizeBytes === null ? null : Math.ceil(row.sizeBytes / row.chunkSizeBytes),
    committedChunkCount: committed.chunkCount,
    committedBytes: committed.bytes,
    digest: hex(row.digest),
    mediaType: row.mediaType,
    lastModifiedMs: row.lastModifiedMs,
  };
}

function summarizeFile(file: RunningFile): FileSummary {
  return summarizeFileRow(file.row, { chunkCount: file.committedChunkCount, bytes: file.committedBytes });
}

function summarizeRunning(transfer: RunningTransfer): TransferSummary {
  return summarizeTransfer(transfer.row, {
    fileCount: transfer.files.length,
    totalBytes: transfer.totalBytes,
    committedBytes: transfer.committedBytes,
  });
}

export function ownedTransfer(
  transfer: RunningTransfer,
  publicOrigin: string,
  homePublicUrl: string | null,
): OwnedTransfer {
  return {
    ...summarizeRunning(transfer),
    link: shareLink(publicOrigin, transfer.row.shareId),
    maxRunBytes: MAX_RUN_BYTES,
    home: { nodeId: transfer.row.homeNodeId, publicUrl: homePublicUrl },
    files: transfer.files.map(summarizeFile),
  };
}

export function transferStatus(transfer: RunningTransfer): TransferStatusResponse {
  const { state, endReason, generation, homeNodeId } = transfer.row;
  const why = endReason === null ? {} : { endReason };
  const files = transfer.files.map(chunkStatus);
  return { state, ...why, generation, homeNodeId, recipients: transfer.readers, files };
}

function chunkStatus(file: RunningFile): ChunkStatus {
  return {
    index: file.row.index,
    sizeBytes: file.row.sizeBytes,
    chunkSizeBytes: file.row.chunkSizeBytes,
    chunkCount: file.chunkCount,
    committed: file.committedRanges(),
    digest: hex(file.row.digest),
  };
}

/** What a recipient sees. A password hides names and sizes, not that there is something. */
export function shareView(transfer: RunningTransfer, isAllowed: boolean): ShareResponse {
  const { maxDownloads, downloadCount, homeNodeId } = transfer.row;
  const growing = transfer.files.filter((file) => !file.isSealed);
  const summary = summarizeRunning(transfer);
  return {
    share: isAllowed ? summary : { ...summary, totalBytes: null, committedBytes: 0, fileCount: 0, senderName: null },
    files: isAllowed ? transfer.files.map(summarizeFile) : [],
    passwordRequired: !isAllowed,
    homeNodeId: isAllowed ? homeNodeId : null,
    remainingDownloads: maxDownloads === null ? null : Math.max(0, maxDownloads - downloadCount),
    committed: isAllowed ? Object.fromEntries(growing.map((file) => [file.row.index, file.committedRanges()])) : {},
  };
}
