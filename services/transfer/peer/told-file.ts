import { MAX_CHUNK_BYTES, MAX_CHUNKS_PER_FILE } from '../../contracts/limits.ts';
import { chunkCount } from '../manifest.ts';
import type { FileRow, TransferRow } from '../ports.ts';
import { RunningTransfer } from '../running-transfer.ts';
import type { PeerHead } from './peer-auth.ts';

/** The name of the parameter. The MAC of a request covers its query. */
const TOLD = 'sealed';
const WORD = /^([1-9A-HJ-NP-Za-km-z]{8,64})\.(\d{1,15})\.(\d{1,8})\.([0-9a-f]{64})\.(\d{1,15})$/;

/** What a row says of a sealed file, as far as it takes to serve it. */
export interface ToldFile {
  readonly fileId: string;
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  /** 32 bytes: whoever is told believes only what its own chaining values merge to. */
  readonly digest: Uint8Array;
  readonly expiresAtMs: number;
}

/** Of an open file nothing is told: only its home knows what is committed. */
export function toldOf(transfer: TransferRow, file: FileRow): ToldFile | null {
  const { id: fileId, sizeBytes, chunkSizeBytes, digest } = file;
  if (digest === null || sizeBytes === null) return null;
  return { fileId, sizeBytes, chunkSizeBytes, digest, expiresAtMs: transfer.expiresAt.getTime() };
}

/** As a parameter of a query; none when there is nothing to tell. */
export function toldParameter(told: ToldFile | null): Record<string, string> {
  if (told === null) return {};
  const digest = Buffer.from(told.digest).toString('hex');
  return { [TOLD]: [told.fileId, told.sizeBytes, told.chunkSizeBytes, digest, told.expiresAtMs].join('.') };
}

/** Null: nothing was told, or nothing that a row can say. */
export function toldIn(query: URLSearchParams): ToldFile | null {
  const [, fileId = '', size = '', chunkSize = '', digest = '', expires = ''] = WORD.exec(query.get(TOLD) ?? '') ?? [];
  const [sizeBytes, chunkSizeBytes] = [Number(size), Number(chunkSize)];
  const isPossible = chunkSizeBytes > 0 && chunkSizeBytes <= MAX_CHUNK_BYTES;
  if (fileId === '' || !isPossible || chunkCount(sizeBytes, chunkSizeBytes) > MAX_CHUNKS_PER_FILE) return null;
  return { fileId, sizeBytes, chunkSizeBytes, digest: Buffer.from(digest, 'hex'), expiresAtMs: Number(expires) };
}

/**
 * A transfer for one answer, which no engine keeps: nobody takes it for its row. It has the one file that was asked for, and
 * names as its home who asks, so that this node is none.
 */
export function toldTransfer(
  told: ToldFile,
  { head, transferId, fileIndex }: { head: PeerHead; transferId: string; fileIndex: number },
  nowMs: number,
): RunningTransfer {
  const { fileId, sizeBytes, chunkSizeBytes, digest } = told;
  const now = new Date(nowMs);
  return new RunningTransfer(
    {
      transfer: {
        id: transferId,
        shareId: '',
        kind: 'share',
        state: 'sealed',
        endReason: null,
        homeNodeId: head.nodeId,
        replicaNodeId: null,
        replicaState: 'none',
        epoch: head.epoch,
        generation: 1,
        sessionId: null,
        ownerAddress: '',
        uploadTokenHash: new Uint8Array(0),
        passwordHash: null,
        maxDownloads: null,
        downloadCount: 0,
        senderName: null,
        idempotencyKey: null,
        requestHash: null,
        createdAt: now,
        touchedAt: now,
        expiresAt: new Date(told.expiresAtMs),
        endedAt: null,
        acceptedAt: null,
      },
      files: [
        {
          id: fileId,
          transferId,
          index: fileIndex,
          path: '',
          sizeBytes,
          chunkSizeBytes,
          digest,
          expectedDigest: null,
          mediaType: null,
          lastModifiedMs: null,
        },
      ],
    },
    nowMs,
  );
}
