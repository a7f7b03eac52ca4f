import { PeerLinkError } from '../contracts/errors.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import { ChunkMap } from './chunk-map.ts';
import { bytesOfRanges, chunkCount, chunkLength } from './manifest.ts';
import type { ChunkValues, FileRow, StoredFile } from './ports.ts';

/** The writer that holds a chunk. A newer one sets `isSuperseded` and waits for `done`. */
interface Claim {
  isSuperseded: boolean;
  readonly done: Promise<void>;
}

/** What a waiting reader is woken with: the committed buffers themselves, or the news that there is no such chunk. */
export type ChunkArrival = LentChunk | 'beyond_end';
export interface LentChunk {
  readonly bytes: readonly Uint8Array[];
  /** Called at most once: the reader is done, and neither it nor a socket it wrote to has the buffers any more. */
  letGo(): void;
}

interface Waiter {
  wake(arrival: ChunkArrival): void;
  fail(fault: Error): void;
}

/** What stands between a written chunk and its chaining value: at a home with a replica, the replica's answer. */
export type Commit = (
  chunk: { readonly index: number; readonly value: Uint8Array; readonly bytes: readonly Uint8Array[] },
  writeValue: () => Promise<void>,
) => Promise<void>;

export type WriteOutcome = 'committed' | 'same';

/** One file of a running transfer at its home: who writes which chunk, and who waits for which. */
export class RunningFile {
  /** Changes only through `learnSize` and `learnDigest`. */
  row: FileRow;
  /** Null until the stored file was opened once in this process. */
  values: ChunkValues | null = null;
  /** True once the stored values were checked in this process: against the digest, or after a reboot chunk by chunk. */
  isTrusted = false;
  /** At a replica: what was stored before this process was verified where a boot made that necessary. */
  isCopyVerified = false;
  /** A body of unknown length is being received. */
  hasSequentialBody = false;
  /** The size is what a body turned out to have, and no row says so yet. */
  #isSizeOwn = false;
  sealing: Promise<void> | null = null;
  /** The check of what is stored that runs: of the values for who serves it, or of the bytes for who counts it as a copy. */
  checking: { readonly of: 'values' | 'bytes'; readonly done: Promise<void> } | null = null;
  readonly #claims = new Map<number, Claim>();
  readonly #waiters = new Map<number, Set<Waiter>>();

  constructor(row: FileRow) {
    this.row = row;
  }

  get isSealed(): boolean {
    return this.row.digest !== null;
  }

  get chunkCount(): number | null {
    return this.row.sizeBytes === null ? null : chunkCount(this.row.sizeBytes, this.row.chunkSizeBytes);
  }

  /**
   * Whether a reader at `position` has bytes of the last chunk: from its first one on somebody could guess the others, with
   * the digest at hand. Of an unknown length nobody can tell before the end.
   */
  isWithinLastChunk(position: number): boolean {
    const count = this.chunkCount;
    return count !== null && position > (count - 1) * this.row.chunkSizeBytes;
  }

  chunkLength(index: number): number {
    return chunkLength(index, this.row.sizeBytes, this.row.chunkSizeBytes);
  }

  has(index: number): boolean {
    return this.isSealed || (this.values?.has(index) ?? false);
  }

  /** Half-open ranges of committed chunks. */
  committedRanges(): readonly (readonly [number, number])[] {
    if (this.isSealed) {
      const count = this.chunkCount ?? 0;
      return count === 0 ? [] : [[0, count]];
    }
    return this.values?.ranges() ?? [];
  }

  get committedChunkCount(): number {
    return this.isSealed ? (this.chunkCount ?? 0) : (this.values?.count ?? 0);
  }

  get committedBytes(): number {
    if (this.isSealed) return this.row.sizeBytes ?? 0;
    return bytesOfRanges(this.committedRanges(), this.row.sizeBytes, this.row.chunkSizeBytes);
  }

  get isComplete(): boolean {
    return this.chunkCount !== null && this.committedChunkCount === this.chunkCount;
  }

  get isBusy(): boolean {
    return this.#claims.size > 0 || this.#waiters.size > 0 || this.sealing !== null || this.isBoundHere;
  }

  /** Of unknown length, and being received or about to be sealed: no other process could continue it. */
  get isBoundHere(): boolean {
    return this.hasSequentialBody || (this.#isSizeOwn && !this.isSealed && this.isComplete);
  }

  learnSize(sizeBytes: number): void {
    this.#isSizeOwn = true;
    this.row = { ...this.row, sizeBytes };
    const count = chunkCount(sizeBytes, this.row.chunkSizeBytes);
    for (const [index, waiters] of this.#waiters) {
      if (index < count) continue;
      this.#waiters.delete(index);
      for (const waiter of waiters) waiter.wake('beyond_end');
    }
  }

  /** Right after its row was inserted: nothing of it can be stored, so nobody need look. */
  knowEmpty(): void {
    this.values = new ChunkMap();
    this.isTrusted = true;
  }

  /** What another node may have set meanwhile. True: that it is sealed is news here. */
  learnRow(row: FileRow): boolean {
    if (this.row.sizeBytes === null && row.sizeBytes !== null) this.learnSize(row.sizeBytes);
    if (row.sizeBytes !== null) this.#isSizeOwn = false;
    if (this.row.digest !== null || row.digest === null) return false;
    this.row = { ...this.row, digest: row.digest };
    // "Any holder: serve sealed files whose CVs merge to the row's digest": the values here were not compared with it.
    this.isTrusted = false;
    return true;
  }

  /** What was stored under this id here is gone. */
  forgetStored(fileId: string): void {
    if (this.row.id !== fileId) return;
    this.values = null;
    this.isTrusted = false;
  }

  learnDigest(digest: Uint8Array): void {
    this.row = { ...this.row, digest };
    this.isTrusted = true;
  }

  /**
   * Writes and commits one whole chunk. A chunk has one writer at a time and is written once.
   * @param options.isAlone nobody else's answer is needed: bytes and value are then written in one step, and a newer
   * request for the chunk finds it committed.
   * @param options.isPowerSafe bytes and value are synced before the answer (`DURABILITY=power`).
   * @param options.onSpent called once nothing holds `bytes` any more; never, when a reader could not be sure.
   * @param options.commit calls `writeValue` once all of Q answered; throws when the transfer moved or ended meanwhile.
   * @throws chunk_conflict other bytes are committed; superseded a newer request took over; digest_mismatch; disk_full
   */
  async writeChunk(
    stored: StoredFile,
    index: number,
    bytes: readonly Uint8Array[],
    options: {
      expectedValue?: Uint8Array | undefined;
      onSpent?: (() => void) | undefined;
      commit: Commit;
      isAlone?: boolean;
      isPowerSafe: boolean;
    },
  ): Promise<WriteOutcome> {
    // "A newer request for a chunk that another one is writing wins: the older stream is cancelled, its writes in
    // flight are awaited, then the chunk is taken over."
    for (let older = this.#claims.get(index); older !== undefined; older = this.#claims.get(index)) {
      older.isSuperseded = true;
      await older.done;
    }
    let finish: () => void = () => {};
    const claim: Claim = { isSuperseded: false, done: new Promise((resolve) => (finish = resolve)) };
    this.#claims.set(index, claim);
    try {
      const committed = stored.values.get(index);
      if (committed !== null) {
        await this.#compare(stored, index, bytes, committed);
        options.onSpent?.();
        // The answer promises as much as the first one, which may never have come.
        if (options.isPowerSafe) await stored.sync();
        return 'same';
      }
      if (options.isAlone === true && !options.isPowerSafe) {
        const written = await stored.writeAndCommitChunk(index, bytes, options.expectedValue);
        assertExpected(index, written, options.expectedValue);
        this.#wake(index, bytes, options.onSpent);
        return 'committed';
      }
      const value = await stored.writeChunk(index, bytes);
      assertExpected(index, value, options.expectedValue);
      if (claim.isSuperseded) {
        throw new PeerLinkError('superseded', `A newer request is writing chunk ${index}.`, {
          data: { chunkIndex: index },
        });
      }
      // Bytes before the value that vouches for them.
      if (options.isPowerSafe) await stored.sync();
      await options.commit({ index, value, bytes }, () => stored.commitChunk(index, value));
      this.#wake(index, bytes, options.onSpent);
      if (options.isPowerSafe) await stored.sync();
      return 'committed';
    } finally {
      this.#claims.delete(index);
      finish();
    }
  }

  /** "Bytes for a committed chunk are only hashed and compared, never written." */
  async #compare(
    stored: StoredFile,
    index: number,
    bytes: readonly Uint8Array[],
    committed: Uint8Array,
  ): Promise<void> {
    const value = await stored.hashChunk(index, bytes);
    if (isEqualBytes(value, committed)) return;
    throw new PeerLinkError('chunk_conflict', `Chunk ${index} was stored before with other bytes; those stay.`, {
      data: { chunkIndex: index },
    });
  }

  /**
   * Waits until chunk `index` is committed or turns out not to exist. The caller checks `has` first.
   * @throws the signal's reason, or the fault the transfer ended with
   */
  waitForChunk(index: number, signal: AbortSignal): Promise<ChunkArrival> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(index) ?? new Set<Waiter>();
      this.#waiters.set(index, waiters);
      const leave = () => {
        signal.removeEventListener('abort', onAbort);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#waiters.get(index) === waiters) this.#waiters.delete(index);
      };
      const onAbort = () => waiter.fail(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      const waiter: Waiter = {
        wake: (arrival) => {
          leave();
          resolve(arrival);
        },
        fail: (fault) => {
          leave();
          reject(fault);
        },
      };
      waiters.add(waiter);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Resolves when no write is in flight. */
  async writesSettled(): Promise<void> {
    while (this.#claims.size > 0) await Promise.all([...this.#claims.values()].map((claim) => claim.done));
  }

  failWaiters(fault: Error): void {
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.fail(fault);
  }

  #wake(index: number, bytes: readonly Uint8Array[], onSpent: (() => void) | undefined): void {
    const waiters = this.#waiters.get(index);
    if (waiters === undefined) {
      onSpent?.();
      return;
    }
    this.#waiters.delete(index);
    let holders = waiters.size;
    const letGo = () => {
      holders -= 1;
      if (holders === 0) onSpent?.();
    };
    for (const waiter of [...waiters]) waiter.wake({ bytes, letGo });
  }
}

function assertExpected(index: number, value: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined || isEqualBytes(value, expected)) return;
  throw new PeerLinkError(
    'digest_mismatch',
    `Chunk ${index} does not have the value sent along; it was discarded. Send it again.`,
    {
      data: { chunkIndex: index },
    },
  );
}
