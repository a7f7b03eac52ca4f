import { PeerLinkError } from '../../contracts/errors.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { Mending } from '../mending.ts';
import type { FileUse } from '../open-files.ts';
import type { FileRow, TransferRow } from '../ports.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { StoredTrust } from '../stored-trust.ts';
import type { HomeTransfer, ReplicaTransfer } from './ports.ts';

/** What both sides of replication need of the engine. */
export interface StoredTransfers {
  readonly nowMs: number;
  readonly mending: Pick<Mending, 'mend'>;
  readonly trust: Pick<StoredTrust, 'isVerified'>;
  /** null: nothing of it was ever stored here, and it is not to be written. */
  useFile(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null>;
  /** The same for a copy that may lack chunks of a sealed file. */
  useCopy(transfer: RunningTransfer, file: RunningFile, purpose: 'read' | 'write'): Promise<FileUse | null>;
  hold(transfer: RunningTransfer): () => void;
  obey(transfer: RunningTransfer, row: TransferRow, files?: readonly FileRow[]): Promise<void>;
}

/** The transfer as `HomeSide` works with it. */
export function homeView(stored: StoredTransfers, transfer: RunningTransfer): HomeTransfer {
  return {
    get row() {
      return transfer.row;
    },
    fileCount: transfer.files.length,
    get isVerified() {
      return stored.trust.isVerified(transfer);
    },
    chunkSizeBytes: (index) => transfer.file(index).row.chunkSizeBytes,
    values: async (index) => {
      const file = transfer.file(index);
      (await stored.useFile(transfer, file, 'read'))?.release();
      return file.values ?? new ChunkMap();
    },
    readChunk: async (fileIndex, chunkIndex) => {
      const file = transfer.file(fileIndex);
      const use = await stored.useFile(transfer, file, 'read');
      if (use === null) throw new PeerLinkError('internal', 'A committed chunk has no file.');
      try {
        const buffer = Buffer.allocUnsafe(file.chunkLength(chunkIndex));
        if (await use.stored.readChunk(chunkIndex, buffer, buffer.length)) return [buffer];
        return [await stored.mending.mend(transfer, file, use.stored, chunkIndex)];
      } finally {
        use.release();
      }
    },
    obey: (row, files) => stored.obey(transfer, row, files),
  };
}

/** The transfer as `ReplicaSide` works with it. */
export function replicaView(stored: StoredTransfers, transfer: RunningTransfer): ReplicaTransfer {
  return {
    get row() {
      return transfer.row;
    },
    fileCount: transfer.files.length,
    values: async (index) => {
      const use = await stored.useCopy(transfer, transfer.file(index), 'read');
      use?.release();
      return use?.stored.values.all() ?? new Uint8Array(0);
    },
    sync: async (index) => {
      const use = await stored.useCopy(transfer, transfer.file(index), 'read');
      try {
        await use?.stored.sync();
      } finally {
        use?.release();
      }
    },
    useFile: async (index) => {
      transfer.lastUsedMs = stored.nowMs;
      const use = await stored.useCopy(transfer, transfer.file(index), 'write');
      if (use === null) throw new PeerLinkError('internal', 'A file could not be made.');
      return use;
    },
    // "A fenced home awaits its own writes before it answers as somebody's replica."
    writesSettled: async () => void (await Promise.all(transfer.files.map((file) => file.writesSettled()))),
    hold: () => stored.hold(transfer),
    obey: (row, files) => stored.obey(transfer, row, files),
  };
}
