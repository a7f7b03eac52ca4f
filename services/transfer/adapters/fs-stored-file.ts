import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { isDiskFull } from '../../kernel/disk-full.ts';
import { ChunkMap } from '../chunk-map.ts';
import { EMPTY_DIGEST, rootRule } from '../digest-tree.ts';
import { chunkCount, chunkLength, leafCounter } from '../manifest.ts';
import { damagedChunk } from '../mending.ts';
import type { FileGeometry, Hiding, StoredFile } from '../ports.ts';
import type { DiskRoom } from './disk-room.ts';
import { SharedRuns } from './shared-runs.ts';
import type { UnsyncedFiles } from './unsynced-files.ts';

export const VALUE_BYTES = 32;

export interface FsStoredFileParts {
  readonly folder: string;
  readonly fileId: string;
  readonly geometry: FileGeometry;
  readonly netIo: NetIo;
  readonly room: DiskRoom;
  readonly bytes: FileHandle;
  readonly values: FileHandle;
  /** What the values file held when it was opened. */
  readonly stored: Uint8Array;
  /** The store's, since files are closed and opened again meanwhile. */
  readonly unsynced: UnsyncedFiles;
}

/** A file of the store: its bytes, and 32 bytes a chunk of values beside them. */
export class FsStoredFile implements StoredFile {
  readonly fileId: string;
  readonly values: ChunkMap;
  readonly #chunkSizeBytes: number;
  readonly #netIo: NetIo;
  readonly #room: DiskRoom;
  readonly #bytes: FileHandle;
  readonly #values: FileHandle;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #folder: string;
  readonly #unsynced: UnsyncedFiles;
  readonly #syncs = new SharedRuns(() => this.#syncNow());
  readonly #committing = new Set<Promise<unknown>>();
  /** Per chunk that is not committed, how many syncs had failed when it was written. */
  readonly #writtenAfter = new Map<number, number>();
  #failedSyncCount = 0;
  #syncFault: unknown;
  #writingAgain: Promise<void> = Promise.resolve();
  #isNameSynced = false;
  #isClosed = false;

  constructor(parts: FsStoredFileParts) {
    this.#folder = parts.folder;
    this.#unsynced = parts.unsynced;
    this.fileId = parts.fileId;
    this.values = new ChunkMap(parts.stored.length === 0 ? undefined : parts.stored);
    this.#chunkSizeBytes = parts.geometry.chunkSizeBytes;
    this.#netIo = parts.netIo;
    this.#room = parts.room;
    this.#bytes = parts.bytes;
    this.#values = parts.values;
  }

  writeChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    const offset = index * this.#chunkSizeBytes;
    return this.#track(() =>
      asStoreFault(async () => {
        await this.#room.take(bytes.reduce((sum, part) => sum + part.length, 0));
        this.#writtenAfter.set(index, this.#failedSyncCount);
        return this.#netIo.writeAndHash(this.#bytes.fd, bytes, offset, leafCounter(index, this.#chunkSizeBytes));
      }),
    );
  }

  hashChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.#netIo.chunkValue(bytes, leafCounter(index, this.#chunkSizeBytes));
  }

  commitChunk(index: number, value: Uint8Array): Promise<void> {
    return this.#trackCommit(() =>
      asStoreFault(async () => {
        this.#assertStillWritten(index);
        await writeFully(this.#values, value, index * VALUE_BYTES);
        this.values.set(index, value);
        this.#writtenAfter.delete(index);
      }),
    );
  }

  writeAndCommitChunk(index: number, bytes: readonly Uint8Array[], expectedValue?: Uint8Array): Promise<Uint8Array> {
    return this.#trackCommit(() =>
      asStoreFault(async () => {
        await this.#room.take(bytes.reduce((sum, part) => sum + part.length, 0));
        const value = await this.#netIo.writeHashAndRecord(
          this.#bytes.fd,
          bytes,
          index * this.#chunkSizeBytes,
          leafCounter(index, this.#chunkSizeBytes),
          this.#values.fd,
          index * VALUE_BYTES,
          expectedValue,
        );
        if (expectedValue === undefined || value.equals(expectedValue)) this.values.set(index, value);
        return value;
      }),
    );
  }

  dropChunk(index: number): Promise<void> {
    // Out of memory first: from here on nobody is told that the chunk is there.
    this.values.drop(index);
    return this.#track(() =>
      asStoreFault(async () => {
        await this.#writingAgain;
        await writeFully(this.#values, new Uint8Array(VALUE_BYTES), index * VALUE_BYTES);
      }),
    );
  }

  async readChunk(index: number, buffer: Uint8Array, lengthBytes: number, hiding?: Hiding): Promise<boolean> {
    const wanted = this.values.get(index);
    if (wanted === null) throw new PeerLinkError('internal', `Chunk ${index} was read before it was committed.`);
    const found = await this.#track(() =>
      this.#read(index, buffer, lengthBytes, hiding).catch((fault: unknown) => {
        // Bytes that end early or that the disk cannot give back are damage, as wrong ones are.
        if (codeOf(fault) === 'SHORT_READ' || codeOf(fault) === 'EIO') return null;
        throw fault;
      }),
    );
    return found?.equals(wanted) === true;
  }

  #read(index: number, buffer: Uint8Array, lengthBytes: number, hiding: Hiding | undefined): Promise<Buffer> {
    const { fd } = this.#bytes;
    const offset = index * this.#chunkSizeBytes;
    const counter = leafCounter(index, this.#chunkSizeBytes);
    if (hiding === undefined) return this.#netIo.readAndVerify(fd, buffer, offset, lengthBytes, counter);
    const { key, streamOffset } = hiding;
    return this.#netIo.readVerifyAndHide(fd, buffer, offset, lengthBytes, counter, key, streamOffset);
  }

  async root(sizeBytes: number): Promise<Uint8Array> {
    const rule = rootRule(sizeBytes, this.#chunkSizeBytes);
    if (rule === 'empty') return EMPTY_DIGEST;
    const count = chunkCount(sizeBytes, this.#chunkSizeBytes);
    if (rule === 'merge') return this.#netIo.rootOfChunkValues(this.values.firstValues(count));
    const only = Buffer.allocUnsafe(chunkLength(0, sizeBytes, this.#chunkSizeBytes));
    if (!(await this.readChunk(0, only, only.length))) throw damagedChunk(0);
    return this.#netIo.rootOfOnlyChunk([only]);
  }

  sync(): Promise<void> {
    return this.#track(() => asStoreFault(() => this.#syncs.run()));
  }

  /**
   * One at a time: the system tells one caller of a failure, and then takes what it could not write for written. So after
   * one that failed a sync vouches only for what was written again.
   */
  async #syncNow(): Promise<void> {
    if (this.#unsynced.has(this.fileId)) {
      const writing = this.#writeAgain();
      this.#writingAgain = writing.catch(() => {});
      await writing;
    }
    const outcomes = await Promise.allSettled([this.#bytes.datasync(), this.#values.datasync()]);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      this.#failedSyncCount += 1;
      this.#syncFault = outcome.reason;
      await this.#unsynced.add(this.fileId);
      throw outcome.reason;
    }
    await this.#unsynced.delete(this.fileId);
    // A file's name lies in its folder; without it the bytes would be there and nowhere.
    if (!this.#isNameSynced) await syncFolders(this.#folder);
    this.#isNameSynced = true;
  }

  /** What is committed, as it is read now, each value after its bytes. @throws damaged */
  async #writeAgain(): Promise<void> {
    // What was being committed when the sync failed may have been lost with it.
    await Promise.allSettled([...this.#committing]);
    const { size } = await this.#bytes.stat();
    const buffer = Buffer.allocUnsafe(this.#chunkSizeBytes);
    for (const [start, end] of this.values.ranges()) {
      for (let index = start; index < end; index += 1) {
        const value = this.values.get(index);
        if (value === null) continue;
        const offset = index * this.#chunkSizeBytes;
        const bytes = buffer.subarray(0, Math.max(0, Math.min(buffer.length, size - offset)));
        if (!(await this.readChunk(index, bytes, bytes.length))) throw damagedChunk(index);
        await this.#netIo.writeAndHash(this.#bytes.fd, [bytes], offset, leafCounter(index, this.#chunkSizeBytes));
        await writeFully(this.#values, value, index * VALUE_BYTES);
      }
    }
  }

  /** @throws when a sync failed since the chunk was written: its bytes may be lost, and no later sync would say so */
  #assertStillWritten(index: number): void {
    const failedCount = this.#writtenAfter.get(index) ?? this.#failedSyncCount;
    if (failedCount === this.#failedSyncCount) return;
    this.#writtenAfter.delete(index);
    throw this.#syncFault;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled([...this.#inFlight]);
    await Promise.all([this.#bytes.close(), this.#values.close()]);
  }

  #trackCommit<T>(start: () => Promise<T>): Promise<T> {
    return this.#track(() => trackIn(this.#committing, start));
  }

  /** A descriptor must outlive every job that uses its number. */
  #track<T>(start: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new PeerLinkError('unavailable', 'The file was closed meanwhile.'));
    return trackIn(this.#inFlight, start);
  }
}

function trackIn<T>(jobs: Set<Promise<unknown>>, start: () => Promise<T>): Promise<T> {
  const job = start();
  jobs.add(job);
  const forget = () => jobs.delete(job);
  job.then(forget, forget);
  return job;
}

/** The folder, and those that hold its name: `<data directory>/files/<xx>`, all of it made by the store. */
async function syncFolders(folder: string): Promise<void> {
  const files = path.dirname(folder);
  for (const directory of [folder, files, path.dirname(files)]) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

export function codeOf(fault: unknown): string | undefined {
  return typeof fault === 'object' && fault !== null && 'code' in fault && typeof fault.code === 'string'
    ? fault.code
    : undefined;
}

/** A full disk is one of the outcomes the domain knows. */
export async function asStoreFault<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (fault) {
    throw isDiskFull(codeOf(fault)) ? diskFull(fault) : fault;
  }
}

function diskFull(cause?: unknown): PeerLinkError {
  return new PeerLinkError(
    'disk_full',
    "The server's disk is full. What was stored stays; try again when there is space.",
    // Soon: whoever made room is watching whether it helps.
    { cause, retryAfterSeconds: 5 },
  );
}
