import { createHash } from 'node:crypto';
import { PeerLinkError } from '../../services/contracts/errors.ts';
import { isEqualBytes } from '../../services/kernel/ids.ts';
import { ChunkMap } from '../../services/transfer/chunk-map.ts';
import type { ChunkStore, FileGeometry, StoredFile } from '../../services/transfer/ports.ts';
import type { Place, Scheduler } from './scheduler.ts';

export const CHUNK_BYTES = 16;
/** What lies on a disk while, or after, a write was cut off in the middle. */
const TORN = 0xff;
/** What a buffer holds once its owner was told that nobody needs it. */
export const SPENT = 0xee;

/** A chunk is all of one byte, its variant. */
export function chunkOf(variant: number): Buffer {
  return Buffer.alloc(CHUNK_BYTES, variant);
}

/** Stands for the chaining value: tells index and content, and torn bytes from whole ones. */
export function chunkValueOf(index: number, bytes: readonly Uint8Array[]): Buffer {
  const all = Buffer.concat(bytes);
  const isWhole = all.length > 0 && all.every((byte) => byte === all[0]);
  return Buffer.alloc(32, Buffer.from([1, index + 1, isWhole ? (all[0] ?? TORN) : TORN]));
}

/** The variant that a value stands for. */
export function variantOf(value: Uint8Array | null): number | null {
  return value === null ? null : (value[2] ?? null);
}

export function digestOf(values: Uint8Array): Buffer {
  return createHash('sha256').update(values).digest();
}

/** A file as it lies on a disk, and as it would lie there if the machine lost what it has in memory. */
export interface DiskFile {
  readonly chunks: Map<number, number>;
  readonly values: ChunkMap;
  safeChunks: Map<number, number>;
  safeValues: Uint8Array;
  /** Its name is on the medium. */
  isNameSafe: boolean;
}

/** What a node's disk keeps when its process is killed. */
export class ModelDisk {
  readonly nodeId: string;
  readonly files = new Map<string, DiskFile>();
  /** What was set aside, and when. */
  readonly asideMs = new Map<string, number>();
  isFull = false;
  /** Called before bytes are removed. */
  onRemove: (fileId: string) => void = () => {};

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  file(fileId: string): DiskFile {
    let file = this.files.get(fileId);
    if (file === undefined) {
      const nothing = { safeChunks: new Map(), safeValues: new Uint8Array(0), isNameSafe: false };
      file = { chunks: new Map(), values: new ChunkMap(), ...nothing };
      this.files.set(fileId, file);
    }
    return file;
  }

  /** The variant of a chunk whose value and bytes are whole and agree; null: it is not there. */
  sound(fileId: string, index: number): number | null {
    const file = this.files.get(fileId);
    const value = variantOf(file?.values.get(index) ?? null);
    return value !== null && file?.chunks.get(index) === value ? value : null;
  }

  /**
   * The machine loses its memory: each byte and value that was not synced may be as it was at the last sync.
   * @param isNameLost whether a file that was never synced is gone with its name
   */
  reboot(isLost: () => boolean, isNameLost: () => boolean): void {
    for (const [fileId, file] of this.files) {
      if (!file.isNameSafe && isNameLost()) {
        this.files.delete(fileId);
        continue;
      }
      const safe = new ChunkMap(file.safeValues.slice());
      for (let index = 0; index < 64; index += 1) {
        if (isLost()) {
          const value = safe.get(index);
          if (value === null) file.values.drop(index);
          else file.values.set(index, value);
        }
        const bytes = file.safeChunks.get(index);
        if (file.chunks.get(index) !== bytes && isLost()) {
          if (bytes === undefined) file.chunks.delete(index);
          else file.chunks.set(index, bytes);
        }
      }
    }
  }
}

/** A process's view of its node's disk. Steps take time; a kill leaves each done, not done or torn. */
export class ModelStore implements ChunkStore {
  readonly #disk: ModelDisk;
  readonly #scheduler: Scheduler;
  readonly #place: Place;
  readonly #delayMs: () => number;
  readonly #underWay = new Map<() => unknown, () => void>();
  #isAbandoned = false;

  constructor(disk: ModelDisk, scheduler: Scheduler, place: Place, delayMs: () => number) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#place = place;
    this.#delayMs = delayMs;
  }

  async create(fileId: string, geometry: FileGeometry): Promise<StoredFile> {
    const file = this.#disk.file(fileId);
    // A copy: what another process of this node had in memory is gone.
    return new ModelStoredFile(fileId, geometry, file, this.#disk, (...step) => this.#step(...step));
  }

  async open(fileId: string, geometry: FileGeometry): Promise<StoredFile | null> {
    return this.#disk.files.has(fileId) ? this.create(fileId, geometry) : null;
  }

  async remove(fileId: string): Promise<void> {
    this.#disk.onRemove(fileId);
    this.#disk.files.delete(fileId);
  }

  async *list(): AsyncIterable<string> {
    yield* this.#disk.files.keys();
  }

  async setAside(fileId: string): Promise<void> {
    if (this.#disk.files.delete(fileId)) this.#disk.asideMs.set(fileId, this.#scheduler.nowMs);
  }

  async purgeSetAside(keepMs: number): Promise<number> {
    const old = [...this.#disk.asideMs].filter(([, atMs]) => atMs < this.#scheduler.nowMs - keepMs);
    for (const [fileId] of old) this.#disk.asideMs.delete(fileId);
    return old.length;
  }

  async freeBytes(): Promise<{ freeBytes: number; totalBytes: number }> {
    return { freeBytes: 1, totalBytes: 1 };
  }

  /** The process was killed: what it had under way is done by now or never will be. */
  abandon(isDone: () => boolean): void {
    this.#isAbandoned = true;
    for (const [act, cancel] of this.#underWay) {
      cancel();
      if (isDone()) act();
    }
    this.#underWay.clear();
  }

  /**
   * The disk does it; the process hears of it if it lives then. What a killed process would have begun next never begins.
   * @param begin takes effect at once
   */
  #step<T>(label: string, act: () => T, begin: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isAbandoned) return;
      begin();
      const cancel = this.#scheduler.at(this.#delayMs(), `disk ${this.#disk.nodeId} ${label}`, null, () => {
        this.#underWay.delete(act);
        let result: T;
        try {
          result = act();
        } catch (fault) {
          this.#scheduler.at(0, '', this.#place, () => reject(fault));
          return;
        }
        this.#scheduler.at(0, '', this.#place, () => resolve(result));
      });
      this.#underWay.set(act, cancel);
    });
  }
}

type Step = <T>(label: string, act: () => T, begin: () => void) => Promise<T>;

class ModelStoredFile implements StoredFile {
  readonly fileId: string;
  readonly values: ChunkMap;
  readonly #geometry: FileGeometry;
  readonly #file: DiskFile;
  readonly #disk: ModelDisk;
  readonly #step: Step;
  readonly #inFlight = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(fileId: string, geometry: FileGeometry, file: DiskFile, disk: ModelDisk, step: Step) {
    this.fileId = fileId;
    this.#geometry = geometry;
    this.#file = file;
    this.#disk = disk;
    this.#step = step;
    this.values = new ChunkMap(file.values.all());
  }

  writeChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    if (this.#disk.isFull) return Promise.reject(new PeerLinkError('disk_full', 'full'));
    const write = () => {
      const [first] = Buffer.concat(bytes);
      this.#file.chunks.set(index, first ?? TORN);
      return chunkValueOf(index, bytes);
    };
    return this.#track(`write ${this.#name(index)}`, write, () => this.#file.chunks.set(index, TORN));
  }

  async hashChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    return chunkValueOf(index, bytes);
  }

  commitChunk(index: number, value: Uint8Array): Promise<void> {
    return this.#track(`value ${this.#name(index)}=${variantOf(value)}`, () => {
      this.#file.values.set(index, value);
      this.values.set(index, value);
    });
  }

  async writeAndCommitChunk(
    index: number,
    bytes: readonly Uint8Array[],
    expectedValue?: Uint8Array,
  ): Promise<Uint8Array> {
    const value = await this.writeChunk(index, bytes);
    if (expectedValue === undefined || isEqualBytes(value, expectedValue)) await this.commitChunk(index, value);
    return value;
  }

  dropChunk(index: number): Promise<void> {
    this.values.drop(index);
    return this.#track(`zero ${this.#name(index)}`, () => this.#file.values.drop(index));
  }

  readChunk(index: number, buffer: Uint8Array, lengthBytes: number): Promise<boolean> {
    const wanted = this.values.get(index);
    if (wanted === null) return Promise.reject(new PeerLinkError('internal', 'read before it was committed'));
    return this.#track(`read ${this.#name(index)}`, () => {
      const variant = this.#file.chunks.get(index) ?? TORN;
      buffer.fill(variant, 0, lengthBytes);
      return variant !== TORN && isEqualBytes(chunkValueOf(index, [buffer.subarray(0, lengthBytes)]), wanted);
    });
  }

  async root(sizeBytes: number): Promise<Uint8Array> {
    return digestOf(this.values.firstValues(Math.ceil(sizeBytes / this.#geometry.chunkSizeBytes)));
  }

  sync(): Promise<void> {
    return this.#track(`sync ${this.fileId}`, () => {
      this.#file.safeChunks = new Map(this.#file.chunks);
      this.#file.safeValues = this.#file.values.all();
      this.#file.isNameSafe = true;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#inFlight]);
  }

  #name(index: number): string {
    return `${this.fileId}/${index}`;
  }

  #track<T>(label: string, act: () => T, begin: () => void = () => {}): Promise<T> {
    if (this.#isClosed) return Promise.reject(new PeerLinkError('unavailable', 'The file was closed meanwhile.'));
    const job = this.#step(label, act, begin);
    this.#inFlight.add(job);
    const forget = () => this.#inFlight.delete(job);
    job.then(forget, forget);
    return job;
  }
}
