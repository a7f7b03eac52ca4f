import type { ChunkMap } from '../chunk-map.ts';

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
  open(args: { nodeId: string; transferId: string; epoch: number; signal: AbortSignal }): Promise<ReplicaChannel>;
}

/** Where a copy could go. */
export interface ReplicaPlacement {
  /** Null when no other healthy node has room. */
  choose(exclude: readonly string[]): Promise<string | null>;
}
