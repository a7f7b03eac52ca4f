import { constants as fsConstants } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_CHUNKS_PER_FILE, RESERVED_DISK_BYTES } from '../../contracts/limits.ts';
import { isId } from '../../kernel/ids.ts';
import { ChunkMap } from '../chunk-map.ts';
import { EMPTY_DIGEST, rootRule } from '../digest-tree.ts';
import { chunkCount, chunkLength, leafCounter } from '../manifest.ts';
import type { ChunkStore, FileGeometry, StoredFile } from '../ports.ts';
import { DiskRoom } from './disk-room.ts';

const VALUE_BYTES = 32;
const BYTES_SUFFIX = '.bytes';
const VALUES_SUFFIX = '.values';

/**
 * Files below one directory. A file `<id>` is `files/<xx>/<id>.bytes` (sparse) and `<id>.values` (32 bytes a chunk,
 * zero = missing); `<xx>` are the id's first two symbols, so that no folder grows large. Names are made by the
 * server. Bytes nobody knows move to `set-aside/`.
 */
export class FsChunkStore implements ChunkStore {
  readonly #filesDirectory: string;
  readonly #setAsideDirectory: string;
  readonly #netIo: NetIo;
  readonly #madeFolders = new Set<string>();
  readonly #room: DiskRoom;

  /** @param options.reservedBytes what writing chunks leaves free of the disk */
  constructor(directory: string, netIo: NetIo, options: { reservedBytes?: number } = {}) {
    this.#room = new DiskRoom(directory, options.reservedBytes ?? RESERVED_DISK_BYTES);
    this.#filesDirectory = path.join(directory, 'files');
    this.#setAsideDirectory = path.join(directory, 'set-aside');
    this.#netIo = netIo;
  }

  async create(fileId: string, geometry: FileGeometry): Promise<StoredFile> {
    const base = this.#base(fileId);
    const folder = path.dirname(base);
    return asStoreFault(async () => {
      if (!this.#madeFolders.has(folder)) {
        await mkdir(folder, { recursive: true });
        this.#madeFolders.add(folder);
      }
      return this.#openWith(fileId, base, geometry, fsConstants.O_RDWR | fsConstants.O_CREAT);
    });
  }

  async open(fileId: string, geometry: FileGeometry): Promise<StoredFile | null> {
    try {
      return await this.#openWith(fileId, this.#base(fileId), geometry, fsConstants.O_RDWR);
    } catch (fault) {
      if (codeOf(fault) === 'ENOENT') return null;
      throw fault;
    }
  }

  async remove(fileId: string): Promise<void> {
    const base = this.#base(fileId);
    // Values first: bytes without values are merely unknown, values without bytes would be a lie.
    await rm(base + VALUES_SUFFIX, { force: true });
    await rm(base + BYTES_SUFFIX, { force: true });
  }

  async *list(): AsyncIterable<string> {
    for (const folder of await readdir(this.#filesDirectory).catch(() => [])) {
      const entries = await opendir(path.join(this.#filesDirectory, folder)).catch(() => null);
      if (entries === null) continue;
      for await (const entry of entries) {
        const id = entry.name.endsWith(BYTES_SUFFIX) ? entry.name.slice(0, -BYTES_SUFFIX.length) : '';
        if (isId(id)) yield id;
      }
    }
  }

  async setAside(fileId: string): Promise<void> {
    await mkdir(this.#setAsideDirectory, { recursive: true });
    const base = this.#base(fileId);
    const now = new Date();
    for (const suffix of [VALUES_SUFFIX, BYTES_SUFFIX]) {
      const target = path.join(this.#setAsideDirectory, fileId + suffix);
      await rename(base + suffix, target).then(
        () => utimes(target, now, now),
        (fault: unknown) => {
          if (codeOf(fault) !== 'ENOENT') throw fault;
        },
      );
    }
  }

  async purgeSetAside(keepMs: number): Promise<number> {
    let purged = 0;
    for (const name of await readdir(this.#setAsideDirectory).catch(() => [])) {
      const file = path.join(this.#setAsideDirectory, name);
      const found = await stat(file).catch(() => null);
      if (found === null || Date.now() - found.mtimeMs < keepMs) continue;
      await rm(file, { force: true });
      purged += 1;
    }
    return purged;
  }

  async freeBytes(): Promise<{ freeBytes: number; totalBytes: number }> {
    await mkdir(this.#filesDirectory, { recursive: true });
    const found = await statfs(this.#filesDirectory);
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  }

  async #openWith(fileId: string, base: string, geometry: FileGeometry, flags: number): Promise<StoredFile> {
    const bytes = await open(base + BYTES_SUFFIX, flags, 0o600);
    try {
      const values = await open(base + VALUES_SUFFIX, flags | fsConstants.O_CREAT, 0o600);
      try {
        const stored = await readValues(values);
        return new FsStoredFile({
          folder: path.dirname(base),
          fileId,
          geometry,
          netIo: this.#netIo,
          room: this.#room,
          bytes,
          values,
          stored,
        });
      } catch (fault) {
        await values.close();
        throw fault;
      }
    } catch (fault) {
      await bytes.close();
      throw fault;
    }
  }

  #base(fileId: string): string {
    // An id comes from our rows only; this keeps a corrupt one from naming another place.
    if (!isId(fileId)) throw new PeerLinkError('internal', 'A stored file has an id of the wrong form.');
    return path.join(this.#filesDirectory, fileId.slice(0, 2), fileId);
  }
}

async function readValues(values: FileHandle): Promise<Uint8Array> {
  const { size } = await values.stat();
  const wanted = Math.min(size - (size % VALUE_BYTES), MAX_CHUNKS_PER_FILE * VALUE_BYTES);
  const stored = new Uint8Array(wanted);
  let done = 0;
  while (done < wanted) {
    const { bytesRead } = await values.read(stored, done, wanted - done, done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return stored;
}

interface FsStoredFileParts {
  readonly folder: string;
  readonly fileId: string;
  readonly geometry: FileGeometry;
  readonly netIo: NetIo;
  readonly room: DiskRoom;
  readonly bytes: FileHandle;
  readonly values: FileHandle;
  /** What the values file held when it was opened. */
  readonly stored: Uint8Array;
}

class FsStoredFile implements StoredFile {
  readonly fileId: string;
  readonly values: ChunkMap;
  readonly #chunkSizeBytes: number;
  readonly #netIo: NetIo;
  readonly #room: DiskRoom;
  readonly #bytes: FileHandle;
  readonly #values: FileHandle;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #folder: string;
  #isNameSynced = false;
  #isClosed = false;

  constructor(parts: FsStoredFileParts) {
    this.#folder = parts.folder;
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
        return this.#netIo.writeAndHash(this.#bytes.fd, bytes, offset, leafCounter(index, this.#chunkSizeBytes));
      }),
    );
  }

  hashChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.#netIo.chunkValue(bytes, leafCounter(index, this.#chunkSizeBytes));
  }

  commitChunk(index: number, value: Uint8Array): Promise<void> {
    return this.#track(() =>
      asStoreFault(async () => {
        await writeFully(this.#values, value, index * VALUE_BYTES);
        this.values.set(index, value);
      }),
    );
  }

  dropChunk(index: number): Promise<void> {
    // Out of memory first: from here on nobody is told that the chunk is there.
    this.values.drop(index);
    return this.#track(() =>
      asStoreFault(() => writeFully(this.#values, new Uint8Array(VALUE_BYTES), index * VALUE_BYTES)),
    );
  }

  async readChunk(index: number, buffer: Uint8Array, lengthBytes: number): Promise<boolean> {
    const wanted = this.values.get(index);
    if (wanted === null) throw new PeerLinkError('internal', `Chunk ${index} was read before it was committed.`);
    const found = await this.#track(() =>
      this.#netIo
        .readAndVerify(
          this.#bytes.fd,
          buffer,
          index * this.#chunkSizeBytes,
          lengthBytes,
          leafCounter(index, this.#chunkSizeBytes),
        )
        .catch((fault: unknown) => {
          // Bytes that end early or that the disk cannot give back are damage, as wrong ones are.
          if (codeOf(fault) === 'SHORT_READ' || codeOf(fault) === 'EIO') return null;
          throw fault;
        }),
    );
    return found?.equals(wanted) === true;
  }

  async root(sizeBytes: number): Promise<Uint8Array> {
    const rule = rootRule(sizeBytes, this.#chunkSizeBytes);
    if (rule === 'empty') return EMPTY_DIGEST;
    const count = chunkCount(sizeBytes, this.#chunkSizeBytes);
    if (rule === 'merge') return this.#netIo.rootOfChunkValues(this.values.firstValues(count));
    const only = Buffer.allocUnsafe(chunkLength(0, sizeBytes, this.#chunkSizeBytes));
    if (!(await this.readChunk(0, only, only.length))) {
      throw new PeerLinkError('damaged', 'Chunk 0 no longer has the bytes that were committed.', {
        data: { chunkIndex: 0 },
      });
    }
    return this.#netIo.rootOfOnlyChunk([only]);
  }

  async sync(): Promise<void> {
    await this.#track(() =>
      asStoreFault(async () => {
        await Promise.all([this.#bytes.datasync(), this.#values.datasync()]);
        // A file's name lies in its folder; without it the bytes would be there and nowhere.
        if (!this.#isNameSynced) await syncFolders(this.#folder);
        this.#isNameSynced = true;
      }),
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled([...this.#inFlight]);
    await Promise.all([this.#bytes.close(), this.#values.close()]);
  }

  /** A descriptor must outlive every job that uses its number. */
  #track<T>(start: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new PeerLinkError('unavailable', 'The file was closed meanwhile.'));
    const job = start();
    this.#inFlight.add(job);
    const forget = () => this.#inFlight.delete(job);
    job.then(forget, forget);
    return job;
  }
}

/** The folder and the one that holds its name. */
async function syncFolders(folder: string): Promise<void> {
  for (const directory of [folder, path.dirname(folder)]) {
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

function codeOf(fault: unknown): string | undefined {
  return typeof fault === 'object' && fault !== null && 'code' in fault && typeof fault.code === 'string'
    ? fault.code
    : undefined;
}

async function asStoreFault<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (fault) {
    const code = codeOf(fault);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw diskFull(fault);
    }
    throw fault;
  }
}

function diskFull(cause?: unknown): PeerLinkError {
  return new PeerLinkError(
    'disk_full',
    "The server's disk is full. What was stored stays; try again when there is space.",
    { cause, retryAfterSeconds: 30 },
  );
}
