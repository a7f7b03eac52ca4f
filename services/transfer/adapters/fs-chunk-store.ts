import { constants as fsConstants } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_CHUNKS_PER_FILE, RESERVED_DISK_BYTES } from '../../contracts/limits.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { isId } from '../../kernel/ids.ts';
import type { ChunkStore, FileGeometry, StoredFile } from '../ports.ts';
import { DiskRoom } from './disk-room.ts';
import { asStoreFault, codeOf, FsStoredFile, VALUE_BYTES } from './fs-stored-file.ts';
import { UnsyncedFiles } from './unsynced-files.ts';

const BYTES_SUFFIX = '.bytes';
const VALUES_SUFFIX = '.values';

export interface FsChunkStoreOptions {
  readonly reservedBytes?: number;
  readonly clock?: Clock;
  readonly onFault?: (what: string, fault: unknown) => void;
}

/**
 * Files below one directory. A file `<id>` is `files/<xx>/<id>.bytes` (sparse) and `<id>.values` (32 bytes a chunk,
 * zero = missing); `<xx>` are the id's first two symbols, so that no folder grows large. Names are made by the
 * server. Bytes nobody knows move to `set-aside/`. `unsynced/<id>` says that a sync of the file failed.
 */
export class FsChunkStore implements ChunkStore {
  readonly #filesDirectory: string;
  readonly #setAsideDirectory: string;
  readonly #netIo: NetIo;
  readonly #madeFolders = new Set<string>();
  readonly #unsynced: UnsyncedFiles;
  readonly #room: DiskRoom;
  readonly #clock: Clock;

  /**
   * @param options.reservedBytes what writing chunks leaves free of the disk
   * @param options.clock by which bytes are set aside for days: a machine without one of its own begins in 1970
   * @param options.onFault told what the store could not do, and goes on without
   */
  constructor(directory: string, netIo: NetIo, options: FsChunkStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#room = new DiskRoom(directory, options.reservedBytes ?? RESERVED_DISK_BYTES);
    this.#unsynced = new UnsyncedFiles(directory, options.onFault ?? (() => {}));
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
    await this.#unsynced.read();
    // Values first: bytes without values are merely unknown, values without bytes would be a lie.
    await rm(base + VALUES_SUFFIX, { force: true });
    await rm(base + BYTES_SUFFIX, { force: true });
    await this.#unsynced.delete(fileId);
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
    await this.#unsynced.read();
    await mkdir(this.#setAsideDirectory, { recursive: true });
    const base = this.#base(fileId);
    const now = new Date(this.#clock.now());
    for (const suffix of [VALUES_SUFFIX, BYTES_SUFFIX]) {
      const target = path.join(this.#setAsideDirectory, fileId + suffix);
      await rename(base + suffix, target).then(
        () => utimes(target, now, now),
        (fault: unknown) => {
          if (codeOf(fault) !== 'ENOENT') throw fault;
        },
      );
    }
    await this.#unsynced.delete(fileId);
  }

  async purgeSetAside(keepMs: number): Promise<number> {
    let purged = 0;
    for (const name of await readdir(this.#setAsideDirectory).catch(() => [])) {
      const file = path.join(this.#setAsideDirectory, name);
      const found = await stat(file).catch(() => null);
      if (found === null || this.#clock.now() - found.mtimeMs < keepMs) continue;
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
    await this.#unsynced.read();
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
          unsynced: this.#unsynced,
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
