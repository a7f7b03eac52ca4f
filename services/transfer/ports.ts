import type { EndReason, TransferKind, TransferState } from '../contracts/http.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';

/** What the transfer domain needs from the outside. Adapters implement it; the domain never imports them. */

export type ReplicaState = 'none' | 'syncing' | 'in_sync';

/** One row of `transfers`. Ownership (home, replica, replicaState, epoch) changes only by `cas`. */
export interface TransferRow {
  readonly id: string;
  readonly shareId: string;
  readonly kind: TransferKind;
  readonly state: TransferState;
  readonly endReason: EndReason | null;
  readonly homeNodeId: string;
  readonly replicaNodeId: string | null;
  readonly replicaState: ReplicaState;
  readonly epoch: number;
  readonly generation: number;
  readonly sessionId: string | null;
  /** Key of the client's address, for limits without a session. */
  readonly ownerAddress: string;
  readonly uploadTokenHash: Uint8Array;
  readonly passwordHash: string | null;
  readonly maxDownloads: number | null;
  readonly downloadCount: number;
  readonly senderName: string | null;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the request that the key came with. */
  readonly requestHash: Uint8Array | null;
  readonly createdAt: Date;
  /** Last chunk, to the minute; TTL_UPLOAD_STATE counts from here while open. */
  readonly touchedAt: Date;
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
  /** Of a direct send: when the first recipient accepted it; null: chunks are refused. */
  readonly acceptedAt: Date | null;
}

/** One row of `files`. `id` names its bytes on disk; people's names never do. */
export interface FileRow {
  readonly id: string;
  readonly transferId: string;
  readonly index: number;
  readonly path: string;
  readonly sizeBytes: number | null;
  readonly chunkSizeBytes: number;
  /** 32 bytes, set once by the home of the current epoch. */
  readonly digest: Uint8Array | null;
  /** What the sender said it would be. */
  readonly expectedDigest: Uint8Array | null;
  readonly mediaType: string | null;
  readonly lastModifiedMs: number | null;
}

export interface TransferWithFiles {
  readonly transfer: TransferRow;
  /** Ascending by index, complete. */
  readonly files: readonly FileRow[];
}

/** What an owner-changing compare-and-swap may set. Never `ended` back to anything. */
export interface OwnershipChange {
  readonly homeNodeId?: string;
  readonly replicaNodeId?: string | null;
  readonly replicaState?: ReplicaState;
  readonly generation?: number;
}

export type InsertOutcome =
  | { readonly outcome: 'inserted'; readonly row: TransferWithFiles }
  /** Same session, same Idempotency-Key: the row that is there. */
  | { readonly outcome: 'exists'; readonly row: TransferWithFiles }
  /** The session, or the address without one, has this many open transfers already. */
  | { readonly outcome: 'too_many'; readonly openCount: number };

export type SealOutcome =
  /** `transfer` is the row after it; state `sealed` when this was the last file. */
  | { readonly outcome: 'sealed'; readonly transfer: TransferRow; readonly digest: Uint8Array }
  /** Another epoch, home or state holds: re-read and obey. */
  | { readonly outcome: 'refused'; readonly transfer: TransferRow | null };

/** Every statement is one transaction; times are the database's `now()`. Throws `unavailable` when it cannot answer. */
export interface TransferRepository {
  /**
   * Inserts the transfer and its files when the owner has fewer than `maxOpen` open transfers, atomically.
   * @param expiresInSeconds from now.
   */
  insert(
    row: NewTransfer,
    files: readonly NewFile[],
    options: { maxOpen: number; expiresInSeconds: number },
  ): Promise<InsertOutcome>;
  findById(id: string): Promise<TransferWithFiles | null>;
  findByShareId(shareId: string): Promise<TransferWithFiles | null>;
  /** Newest first, at most `limit`, without ended ones; each with at most its first `filesEach` files. */
  listBySession(
    sessionId: string,
    limit: number,
    filesEach: number,
  ): Promise<readonly (TransferWithFiles & { readonly fileCount: number; readonly totalBytes: number | null })[]>;
  /** Rows (without files) for the running transfers of this process: one query a second. */
  refresh(ids: readonly string[]): Promise<readonly TransferRow[]>;
  /** UPDATE ... SET change, epoch = epoch + 1 WHERE id AND epoch = knownEpoch AND state <> 'ended'. Null: no row changed. */
  cas(id: string, knownEpoch: number, change: OwnershipChange): Promise<TransferRow | null>;
  /** Sets size (unknown length) and digest once, and state `sealed` with the last file, WHERE epoch, home and state open. Repeatable. */
  sealFile(args: {
    transferId: string;
    fileIndex: number;
    knownEpoch: number;
    homeNodeId: string;
    digest: Uint8Array;
    sizeBytes: number;
  }): Promise<SealOutcome>;
  /** state = ended, epoch + 1 WHERE state <> 'ended'. True when this call ended it. */
  end(id: string, reason: EndReason): Promise<boolean>;
  /**
   * When the leader has something to do, by the database's clock: what `endExpired` and `deleteEndedRows` would do with the same
   * numbers, and what direct sends ask for.
   */
  dueIn(of: {
    uploadTtlSeconds: number | null;
    leaseIdleSeconds: number | null;
    endedKeptSeconds: number;
  }): Promise<DueIn>;
  /**
   * Ends what expired, open ones untouched for `uploadTtlSeconds` (null: none), and sealed ones whose downloads are used up
   * and of which no lease was used for `leaseIdleSeconds` (null: none); at most `limit`. Returns the ended ids.
   */
  endExpired(options: {
    uploadTtlSeconds: number | null;
    leaseIdleSeconds: number | null;
    limit: number;
    term: LeaderTerm;
  }): Promise<readonly string[]>;
  /** Marks activity of open transfers, so that TTL_UPLOAD_STATE counts from the last chunk. */
  touch(ids: readonly string[]): Promise<void>;
  change(id: string, change: { expiresInSeconds?: number; maxDownloads?: number | null }): Promise<TransferRow | null>;
  /** For the sweep: which of these files have a row, and what it says about their transfer. */
  fateOfFiles(fileIds: readonly string[]): Promise<ReadonlyMap<string, FileFate>>;
  /** Not-ended transfers whose home is this node, for recovery at start. Pages by id, with no more files than one may have. */
  listByHome(nodeId: string, afterId: string | null, limit: number): Promise<readonly TransferWithFiles[]>;
  /** Rows of not-ended transfers that name this node as replica. Pages by id. */
  listByReplica(nodeId: string, afterId: string | null, limit: number): Promise<readonly TransferRow[]>;
  /** Those of them that are in sync and whose home is one of these; the first ones by id. */
  listInSync(nodeId: string, homeNodeIds: readonly string[], limit: number): Promise<readonly TransferRow[]>;
  countByHome(nodeId: string): Promise<HomeCounts>;
  /**
   * An effect of the leader, as `endExpired`: nothing happens unless `term` is the current one. The oldest ones, and no more
   * files than one transfer may have: the database undoes what takes it too long.
   */
  deleteEndedRows(olderThanSeconds: number, limit: number, term: LeaderTerm): Promise<number>;
}
/** Milliseconds from now, at most 0 for what is due; Infinity: nothing will be. */
export interface DueIn {
  /** Until the first transfer is over, or the first row of one that was is to go. */
  readonly expiryMs: number;
  /** Until the first offer expires. While any direct send is not over it is 0: answers and receipts end them, too. */
  readonly sendsMs: number;
  /** The clock by which this was said. */
  readonly nowMs: number;
}
/** Not-ended transfers whose home is one node. */
export interface HomeCounts {
  /** Those with bytes, and how many of them have no replica in sync. */
  readonly homeCount: number;
  readonly singleCopyCount: number;
  /** Direct sends, with bytes or without. */
  readonly directCount: number;
}

/** What the row of a stored file's transfer says. */
export interface FileFate {
  readonly fate: 'kept' | 'ended';
  readonly transferId: string;
  readonly epoch: number;
  readonly homeNodeId: string;
  readonly replicaNodeId: string | null;
  readonly isReplicaInSync: boolean;
}
export type NewTransfer = Pick<
  TransferRow,
  | 'id'
  | 'shareId'
  | 'kind'
  | 'homeNodeId'
  | 'sessionId'
  | 'ownerAddress'
  | 'uploadTokenHash'
  | 'passwordHash'
  | 'maxDownloads'
  | 'senderName'
  | 'idempotencyKey'
  | 'requestHash'
>;
/** `digest` is set for empty files only; a transfer whose files all have one is inserted `sealed`. */
export type NewFile = Omit<FileRow, 'transferId'>;

export type LeaseOutcome =
  | { readonly outcome: 'granted'; readonly leaseId: string }
  /** All slots are held right now; some may come free. */
  | { readonly outcome: 'slots_held'; readonly retryAfterSeconds: number }
  | { readonly outcome: 'used_up' }
  | { readonly outcome: 'ended' };

export interface DownloadLease {
  readonly id: string;
  readonly transferId: string;
  readonly holder: string;
  readonly state: 'active' | 'consumed';
  /** Bytes served per file index. */
  readonly servedBytes: Readonly<Record<number, number>>;
}

/** One stream under a lease. */
export interface LeaseFlight {
  readonly streamId: string;
  /** The file that it is at. */
  readonly fileIndex: number;
  /** What it may still send of it. */
  readonly leftBytes: number;
  /** A zip: every file behind that one follows whole. */
  readonly isZip: boolean;
}
/** A file of known size of which a stream is to send so much. */
export interface PlannedFile {
  readonly fileIndex: number;
  readonly sizeBytes: number;
  readonly plannedBytes: number;
}
export interface ServedFile {
  readonly fileIndex: number;
  readonly servedBytes: number;
}
/** `too_much`: by what was sent already; `held`: with what open streams have left, or by their number, and may be begun later. */
export type BeginOutcome = 'begun' | 'too_much' | 'held' | 'gone';

/** What a stream served since it said so last. */
export interface ServedSince {
  /** 1 for the first, rising by one. */
  readonly number: number;
  readonly served: readonly ServedFile[];
  readonly isLast: boolean;
}

/** Exact download limits: each function is one statement that locks the share's row. */
export interface LeaseRepository {
  /** Inserted only while active + consumed < the share's limit. Idle ones (10 minutes, not consumed) give their slot back here. */
  acquire(args: {
    transferId: string;
    tokenHash: Uint8Array;
    holder: string;
    nodeId: string;
    idleMs: number;
  }): Promise<LeaseOutcome>;
  findByToken(transferId: string, tokenHash: Uint8Array): Promise<DownloadLease | null>;
  /**
   * Lets a tokenless Range continuation take up a lease of the same holder that has had no open stream for 1 s
   * and was served at least `fromByte` minus the backtrack of that file.
   */
  takeUp(args: {
    transferId: string;
    holder: string;
    fileIndex: number;
    fromByte: number;
    backtrackBytes: number;
    tokenHash: Uint8Array;
  }): Promise<DownloadLease | null>;
  /**
   * Opens a stream under a lease, unless one of the planned files, with what is under way of it on any node, would then be
   * served more than LEASE_MAX_OVERREAD times its size, or too many streams are open. One statement: of two at once the second
   * one sees the first.
   */
  begin(leaseId: string, flight: LeaseFlight, planned: readonly PlannedFile[]): Promise<BeginOutcome>;
  /**
   * Goes on with or closes a stream under a lease and adds what it served; keeps it valid. Called at least every 5 s while a
   * stream is open, also when nothing moved: after 10 s of silence the lease counts as one without streams. Without an answer
   * it is repeated as it was, under the same number, and is counted once.
   * False: the lease is gone (its slot was given back), and the stream must end.
   */
  record(leaseId: string, change: LeaseFlight & ServedSince): Promise<boolean>;
  /**
   * active -> consumed once, and downloadCount + 1; ends a share whose limit is used up only for new readers. Repeatable.
   * False: the lease is gone, somebody else may have its slot, and the last chunk must not be sent.
   */
  consume(leaseId: string): Promise<boolean>;
}

/** A file's bytes and chaining values on this node. */
export interface ChunkStore {
  create(fileId: string, geometry: FileGeometry): Promise<StoredFile>;
  /** Null when this node holds nothing of it. */
  open(fileId: string, geometry: FileGeometry): Promise<StoredFile | null>;
  /** Unlinks bytes and values; nothing there is fine. */
  remove(fileId: string): Promise<void>;
  /** Every file id that has bytes here. */
  list(): AsyncIterable<string>;
  /** Moves bytes nobody knows aside, and deletes what was set aside longer than `keepMs` ago. */
  setAside(fileId: string): Promise<void>;
  purgeSetAside(keepMs: number): Promise<number>;
  freeBytes(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}
export interface FileGeometry {
  readonly chunkSizeBytes: number;
  /** null: unknown, grows. */
  readonly sizeBytes: number | null;
}
/** The XOR stream of one answer between nodes, at the first byte of what is read. */
export interface Hiding {
  readonly key: Uint8Array;
  readonly streamOffset: number;
}
/** An open file of the store. Reference-counted by its owner; `close` waits for jobs in flight. */
export interface StoredFile {
  readonly fileId: string;
  /** Chaining values, 32 bytes a chunk; zero = missing. A live view: the store's own memory. */
  readonly values: ChunkValues;
  /** Writes a whole chunk and returns its chaining value, which is NOT recorded yet. Errors: `disk_full`. */
  writeChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Chaining value of bytes that are not to be written. */
  hashChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Records the value: the commit. */
  commitChunk(index: number, value: Uint8Array): Promise<void>;
  /**
   * `writeChunk` and `commitChunk` in one step, where nobody else's answer is needed before the commit. Bytes that do not
   * have `expectedValue` are not committed. Returns the value they have.
   */
  writeAndCommitChunk(index: number, bytes: readonly Uint8Array[], expectedValue?: Uint8Array): Promise<Uint8Array>;
  /** Forgets a value (damage, a differing replica chunk). */
  dropChunk(index: number): Promise<void>;
  /**
   * Reads a committed chunk into `buffer` and verifies it in the same job. False: the bytes do not have their value.
   * @param hiding leaves the verified bytes obfuscated
   */
  readChunk(index: number, buffer: Uint8Array, lengthBytes: number, hiding?: Hiding): Promise<boolean>;
  /** Digest of the whole file from its values; a one-chunk file is read again. */
  root(sizeBytes: number): Promise<Uint8Array>;
  /** Bytes, values and the names of both are on the medium when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
export interface ChunkValues {
  has(index: number): boolean;
  /** A copy of the 32 bytes, or null when missing. */
  get(index: number): Uint8Array | null;
  /** How many are recorded. */
  readonly count: number;
  /** All that is recorded, 32 bytes a chunk, missing ones zero. A copy. */
  all(): Uint8Array;
  /** Half-open ranges of recorded indexes, ascending. */
  ranges(): readonly (readonly [number, number])[];
}
