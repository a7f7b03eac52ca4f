import type { OwnedTransfer } from '../../../services/contracts/http.ts';
import type { StoredUpload } from './resume-store.ts';

export interface OpenedUpload {
  readonly transfer: OwnedTransfer;
  readonly uploadToken: string;
  readonly handles: readonly (FileSystemFileHandle | undefined)[];
}

/** What is kept of a transfer that was just opened; `files` in the transfer's order. */
export function recordOfOpened(opened: OpenedUpload, files: readonly File[], nowMs: number): StoredUpload {
  const { transfer } = opened;
  return {
    transferId: transfer.id,
    shareId: transfer.shareId,
    link: transfer.link,
    uploadToken: opened.uploadToken,
    maxRunBytes: transfer.maxRunBytes,
    savedAtMs: nowMs,
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
}
