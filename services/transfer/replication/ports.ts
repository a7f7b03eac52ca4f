import type { ChunkMap } from '../chunk-map.ts';
import type { ChunkValues, FileRow, StoredFile, TransferRow } from '../ports.ts';

/** One chunk on its way from the home to its replica. */
export interface ReplicaFrame {
  readonly epoch: number;
  readonly fileIndex: number;
  readonly chunkIndex: number;
  readonly value: Uint8Array;
  readonly bytes: readonly Uint8Array[];
}

/** What the replica says to a frame. */
export type FrameAnswer =
  | { readonly kind: 'stored' }
  /** The replica knows a later row, or another session took over: the home re-reads and obeys. */
  | { readonly kind: 'stale_epoch' }
  | { readonly kind: 'stale_session' }
  /** The bytes did not have their value, or could not be written. */
  | { readonly kind: 'failed'; readonly reason: 'disk_full' | 'mismatch' | 'fault' };

/**
 * A session from the home to its replica: opened with a fresh nonce, ended by either side's restart, by a later
 * session, or by `close`. An answer belongs to the frame that `send` was called with.
 */
export interface ReplicaChannel {
  /** What the replica held when the session began: chaining values per file index. */
  readonly values: ReadonlyMap<number, ChunkMap>;
  /** Rejects when the session broke before the answer came. */
  send(frame: ReplicaFrame): Promise<FrameAnswer>;
  /** Repeatable. Frames without an answer reject. */
  close(): void;
}

export interface ReplicaConnector {
  /** @throws PeerLinkError stale_epoch, disk_full, not_found, or unavailable when the node cannot be reached in time */
  open(args: {
    nodeId: string;
    transferId: string;
    epoch: number;
    signal: AbortSignal;
    /** Whenever something of the answer came: a replica of thousands of files takes a while to say what it holds. */
    onHeard?: () => void;
  }): Promise<ReplicaChannel>;
}

/** Where a copy could go. */
export interface ReplicaPlacement {
  /** Null when no other healthy node has room. */
  choose(exclude: readonly string[]): Promise<string | null>;
}

/** The transfer as its home sees it, and what the home side may do with it. */
export interface HomeTransfer {
  readonly row: TransferRow;
  readonly fileCount: number;
  /** False after a boot, until what is stored here was looked at: the replica may be the only one that has all of it. */
  readonly isVerified: boolean;
  chunkSizeBytes(fileIndex: number): number;
  /** Chaining values at the home; empty maps for files nothing is stored of. */
  values(fileIndex: number): Promise<Pick<ChunkValues, 'ranges' | 'get'>>;
  /** Reads a committed chunk, verified. */
  readChunk(fileIndex: number, chunkIndex: number): Promise<readonly Uint8Array[]>;
  /** Takes a newer row; `HomeSide.learn` is called before anything else can see it. */
  obey(row: TransferRow, files?: readonly FileRow[]): Promise<void>;
}

/** A frame as it came over the wire. */
export interface ReceivedFrame {
  readonly epoch: number;
  readonly session: string;
  /** Grows within the session. */
  readonly number: number;
  readonly fileIndex: number;
  readonly chunkIndex: number;
  readonly value: Uint8Array;
  readonly bytes: readonly Uint8Array[];
}

/** The transfer as its replica works with it. */
export interface ReplicaTransfer {
  /** Read since this process started. */
  readonly row: TransferRow;
  readonly fileCount: number;
  /** Chaining values of what is stored here and verified where it must be, 32 bytes a chunk, zero = missing. */
  values(fileIndex: number): Promise<Uint8Array>;
  /** Bytes and values of what is stored here of a file are on the medium. */
  sync(fileIndex: number): Promise<void>;
  /** Resolves when nothing that this node wrote as home is in flight. */
  writesSettled(): Promise<void>;
  /** Keeps the file open until `release`. */
  useFile(fileIndex: number): Promise<{ readonly stored: StoredFile; release(): void }>;
  /** Keeps the transfer in memory until the returned function is called. */
  hold(): () => void;
  /** `ReplicaSide.beforeObeying` has been awaited when it takes effect. */
  obey(row: TransferRow, files?: readonly FileRow[]): Promise<void>;
}
