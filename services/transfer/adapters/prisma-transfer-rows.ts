import { Prisma } from '../../../prisma/generated/client.ts';
import type { EndReason, TransferKind, TransferState } from '../../contracts/http.ts';
import type { FileRow, ReplicaState, TransferRow, TransferWithFiles } from '../ports.ts';

/** A row of `transfers` as the driver gives it. */
export interface TransferRecord {
  readonly id: string;
  readonly share_id: string;
  readonly kind: TransferKind;
  readonly state: TransferState;
  readonly end_reason: EndReason | null;
  readonly home_node_id: string;
  readonly replica_node_id: string | null;
  readonly replica_state: ReplicaState;
  readonly epoch: number;
  readonly generation: number;
  readonly session_id: string | null;
  readonly owner_address: string;
  readonly upload_token_hash: Uint8Array;
  readonly password_hash: string | null;
  readonly max_downloads: number | null;
  readonly download_count: number;
  readonly sender_name: string | null;
  readonly idempotency_key: string | null;
  readonly request_hash: Uint8Array | null;
  readonly file_count: number;
  readonly known_bytes: bigint;
  readonly unsized_file_count: number;
  readonly created_at: Date;
  readonly touched_at: Date;
  readonly expires_at: Date;
  readonly ended_at: Date | null;
  readonly accepted_at: Date | null;
}

/** Columns of `transfers` under the alias or table name `t`. */
export const TRANSFER_COLUMNS = Prisma.raw(
  [
    'id, share_id, kind, state, end_reason, home_node_id, replica_node_id, replica_state, epoch, generation, session_id',
    'owner_address, upload_token_hash, password_hash, max_downloads, download_count, sender_name, idempotency_key',
    'request_hash, file_count, known_bytes, unsized_file_count, created_at, touched_at, expires_at, ended_at',
    'accepted_at',
  ]
    .join(', ')
    .split(', ')
    .map((column) => `t.${column}`)
    .join(', '),
);

/** A file as one JSON array: a transfer and its 10,000 files are one row, read in one statement from one snapshot. */
export type FileRecord = readonly [
  id: string,
  index: number,
  path: string,
  sizeBytes: number | null,
  chunkSizeBytes: number,
  digestHex: string | null,
  expectedDigestHex: string | null,
  mediaType: string | null,
  lastModifiedMs: number | null,
];

/** Sizes are below 2^53 (limits.ts), so JSON numbers hold them exactly. */
export const FILE_AS_JSON = Prisma.raw(
  `json_build_array(f.id, f.file_index, f.path, f.size_bytes, f.chunk_size_bytes, encode(f.digest, 'hex'), ` +
    `encode(f.expected_digest, 'hex'), f.media_type, f.last_modified_ms)`,
);

export interface TransferWithFilesRecord extends TransferRecord {
  readonly files: readonly FileRecord[];
}

export const TRANSFER_WITH_FILES = Prisma.sql`${TRANSFER_COLUMNS}, coalesce(
  (SELECT json_agg(${FILE_AS_JSON} ORDER BY f.file_index) FROM files f WHERE f.transfer_id = t.id), '[]'::json
) AS files`;

export function toTransferRow(record: TransferRecord): TransferRow {
  return {
    id: record.id,
    shareId: record.share_id,
    kind: record.kind,
    state: record.state,
    endReason: record.end_reason,
    homeNodeId: record.home_node_id,
    replicaNodeId: record.replica_node_id,
    replicaState: record.replica_state,
    epoch: record.epoch,
    generation: record.generation,
    sessionId: record.session_id,
    ownerAddress: record.owner_address,
    uploadTokenHash: record.upload_token_hash,
    passwordHash: record.password_hash,
    maxDownloads: record.max_downloads,
    downloadCount: record.download_count,
    senderName: record.sender_name,
    idempotencyKey: record.idempotency_key,
    requestHash: record.request_hash,
    createdAt: record.created_at,
    touchedAt: record.touched_at,
    expiresAt: record.expires_at,
    endedAt: record.ended_at,
    acceptedAt: record.accepted_at,
  };
}

export function toFileRow(transferId: string, record: FileRecord): FileRow {
  const [id, index, path, sizeBytes, chunkSizeBytes, digestHex, expectedDigestHex, mediaType, lastModifiedMs] = record;
  return {
    id,
    transferId,
    index,
    path,
    sizeBytes,
    chunkSizeBytes,
    digest: fromHex(digestHex),
    expectedDigest: fromHex(expectedDigestHex),
    mediaType,
    lastModifiedMs,
  };
}

export function toTransferWithFiles(record: TransferWithFilesRecord): TransferWithFiles {
  return { transfer: toTransferRow(record), files: record.files.map((file) => toFileRow(record.id, file)) };
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function fromHex(hex: string | null): Uint8Array | null {
  return hex === null ? null : new Uint8Array(Buffer.from(hex, 'hex'));
}
