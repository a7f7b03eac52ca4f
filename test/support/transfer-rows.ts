import assert from 'node:assert/strict';
import { randomId } from '../../services/kernel/ids.ts';
import type {
  FileRow,
  NewFile,
  NewTransfer,
  OwnershipChange,
  TransferRepository,
  TransferRow,
  TransferWithFiles,
} from '../../services/transfer/ports.ts';

/** Rows of transfers and files for tests, which say only what matters to them; the rest is set here. */

/** A share of nobody's session, without password or limit, at home at `node-a`. Its ids are new each time. */
export function newTransfer(changes: Partial<NewTransfer> = {}): NewTransfer {
  return {
    id: randomId(22),
    shareId: randomId(22),
    kind: 'share',
    homeNodeId: 'node-a',
    sessionId: null,
    ownerAddress: '::1',
    uploadTokenHash: new Uint8Array(32),
    passwordHash: null,
    maxDownloads: null,
    senderName: null,
    idempotencyKey: null,
    requestHash: null,
    ...changes,
  };
}

/** The first file of a transfer, not sealed, of one chunk of 1 KiB. Its id is new each time. */
export function newFile(changes: Partial<NewFile> = {}): NewFile {
  const index = changes.index ?? 0;
  return {
    id: randomId(22),
    index,
    path: `file-${index}`,
    sizeBytes: 1024,
    chunkSizeBytes: 1024,
    digest: null,
    expectedDigest: null,
    mediaType: null,
    lastModifiedMs: null,
    ...changes,
  };
}

/** The row of such a share as it was inserted: open, without a replica, of epoch 1, over after 1,000,000 s. */
export function transferRow(changes: Partial<TransferRow> = {}): TransferRow {
  const { createdAt = new Date(0) } = changes;
  return {
    ...newTransfer(),
    state: 'open',
    endReason: null,
    replicaNodeId: null,
    replicaState: 'none',
    epoch: 1,
    generation: 1,
    downloadCount: 0,
    createdAt,
    touchedAt: createdAt,
    expiresAt: new Date(createdAt.getTime() + 1e9),
    endedAt: null,
    acceptedAt: null,
    ...changes,
  };
}

/** The row of such a file, of a transfer that has no other. */
export function fileRow({ transferId = randomId(22), ...changes }: Partial<FileRow> = {}): FileRow {
  return { transferId, ...newFile(changes) };
}

/** What a test says of the transfer that it begins with. */
interface Beginning extends Partial<NewTransfer> {
  /** In their order; one plain file unless said. */
  readonly files?: readonly Partial<NewFile>[];
  /** Set by a compare-and-swap after the insert: the row is of epoch 2 then, and of epoch 1 without it. */
  readonly ownership?: OwnershipChange;
  /** From now; 1,000,000 unless said, which is more than eleven days. */
  readonly expiresInSeconds?: number;
}

/** Inserts a transfer whose owner may have as many as there are. @returns the rows as they are then. */
export async function insertTransfer(
  repository: Pick<TransferRepository, 'insert' | 'cas'>,
  { files = [{}], ownership, expiresInSeconds = 1e6, ...transfer }: Beginning = {},
): Promise<TransferWithFiles> {
  const row = newTransfer(transfer);
  const fileRows = files.map((file, index) => newFile({ index, ...file }));
  const inserted = await repository.insert(row, fileRows, { maxOpen: 1e9, expiresInSeconds });
  assert(inserted.outcome === 'inserted', inserted.outcome);
  if (ownership === undefined) return inserted.row;
  const changed = await repository.cas(row.id, 1, ownership);
  assert(changed !== null, 'the row that was inserted a moment ago has changed');
  return { ...inserted.row, transfer: changed };
}
