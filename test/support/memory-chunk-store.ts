import type { NetIo } from '../../native/types.ts';
import { PeerLinkError } from '../../services/contracts/errors.ts';
import { isEqualBytes } from '../../services/kernel/ids.ts';
import { ChunkMap } from '../../services/transfer/chunk-map.ts';
import { EMPTY_DIGEST, rootRule } from '../../services/transfer/digest-tree.ts';
import { chunkCount, leafCounter } from '../../services/transfer/manifest.ts';
import { damagedChunk } from '../../services/transfer/mending.ts';
import type { ChunkStore, FileGeometry, Hiding, StoredFile } from '../../services/transfer/ports.ts';

/** Steps of the store a test may hold back, let fail, or see. The step happens when the promise resolves. */
export type StoreStep = (what: 'write' | 'hash' | 'commit' | 'read', fileId: string, index: number) => Promise<void>;

interface MemoryFile {
  readonly chunks: Map<number, Buffer>;
  readonly values: ChunkMap;
}

/** A ChunkStore in memory that forgets nothing when it is closed, as a disk. */
export class MemoryChunkStore implements ChunkStore {
  readonly files = new Map<string, MemoryFile>();
  /** What was set aside, and when by the machine's clock. */
  readonly #asideMs = new Map<string, number>();
  readonly #netIo: NetIo;
  readonly #step: StoreStep;
  readonly #onSync: () => Promise<void>;

  /** @param onSync a test may let a sync fail, or see it */
  constructor(netIo: NetIo, step: StoreStep = async () => {}, onSync = async () => {}) {
    this.#netIo = netIo;
    this.#step = step;
    this.#onSync = onSync;
  }

  async create(fileId: string, geometry: FileGeometry): Promise<StoredFile> {
    const file = this.files.get(fileId) ?? { chunks: new Map(), values: new ChunkMap() };
    this.files.set(fileId, file);
    return new MemoryStoredFile(fileId, geometry, file, this.#netIo, this.#step, this.#onSync);
  }

  async open(fileId: string, geometry: FileGeometry): Promise<StoredFile | null> {
    return this.files.has(fileId) ? this.create(fileId, geometry) : null;
  }

  async remove(fileId: string): Promise<void> {
    this.files.delete(fileId);
  }

  async *list(): AsyncIterable<string> {
    yield* [...this.files.keys()];
  }

  async setAside(fileId: string): Promise<void> {
    if (this.files.delete(fileId)) this.#asideMs.set(fileId, Date.now());
  }

  async purgeSetAside(keepMs: number): Promise<number> {
    const old = [...this.#asideMs].filter(([, atMs]) => atMs < Date.now() - keepMs);
    for (const [fileId] of old) this.#asideMs.delete(fileId);
    return old.length;
  }

  async freeBytes(): Promise<{ freeBytes: number; totalBytes: number }> {
    return { freeBytes: 2 ** 40, totalBytes: 2 ** 40 };
  }
}

class MemoryStoredFile implements StoredFile {
  readonly fileId: string;
  readonly values: ChunkMap;
  readonly #geometry: FileGeometry;
  readonly #chunks: Map<number, Buffer>;
  readonly #netIo: NetIo;
  readonly #step: StoreStep;
  readonly #onSync: () => Promise<void>;
  #isClosed = false;

  constructor(
    fileId: string,
    geometry: FileGeometry,
    file: MemoryFile,
    netIo: NetIo,
    step: StoreStep,
    onSync: () => Promise<void>,
  ) {
    this.#onSync = onSync;
    this.fileId = fileId;
    this.values = file.values;
    this.#geometry = geometry;
    this.#chunks = file.chunks;
    this.#netIo = netIo;
    this.#step = step;
  }

  async writeChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    this.#assertOpen();
    await this.#step('write', this.fileId, index);
    this.#chunks.set(index, Buffer.concat(bytes));
    return this.#valueOf(index, bytes);
  }

  async hashChunk(index: number, bytes: readonly Uint8Array[]): Promise<Uint8Array> {
    await this.#step('hash', this.fileId, index);
    return this.#valueOf(index, bytes);
  }

  async commitChunk(index: number, value: Uint8Array): Promise<void> {
    this.#assertOpen();
    await this.#step('commit', this.fileId, index);
    this.values.set(index, value);
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

  async dropChunk(index: number): Promise<void> {
    this.values.drop(index);
  }

  async readChunk(index: number, buffer: Uint8Array, lengthBytes: number, hiding?: Hiding): Promise<boolean> {
    this.#assertOpen();
    const wanted = this.values.get(index);
    if (wanted === null) throw new PeerLinkError('internal', `Chunk ${index} was read before it was committed.`);
    await this.#step('read', this.fileId, index);
    const bytes = this.#chunks.get(index);
    if (bytes === undefined || bytes.length !== lengthBytes) return false;
    bytes.copy(buffer);
    if (hiding !== undefined) this.#netIo.xorInPlace(buffer.subarray(0, lengthBytes), hiding.key, hiding.streamOffset);
    return Buffer.compare(this.#valueOf(index, [bytes]), wanted) === 0;
  }

  async root(sizeBytes: number): Promise<Uint8Array> {
    const { chunkSizeBytes } = this.#geometry;
    switch (rootRule(sizeBytes, chunkSizeBytes)) {
      case 'empty':
        return EMPTY_DIGEST;
      case 'only_chunk': {
        const bytes = this.#chunks.get(0) ?? Buffer.alloc(0);
        const wanted = this.values.get(0);
        if (wanted === null || Buffer.compare(this.#valueOf(0, [bytes]), wanted) !== 0) {
          throw damagedChunk(0);
        }
        return this.#netIo.hash(bytes);
      }
      case 'merge':
        return this.#netIo.rootOfChunkValues(this.values.firstValues(chunkCount(sizeBytes, chunkSizeBytes)));
    }
  }

  async sync(): Promise<void> {
    this.#assertOpen();
    await this.#onSync();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #valueOf(index: number, bytes: readonly Uint8Array[]): Buffer {
    return this.#netIo.chunkValueSync(bytes, leafCounter(index, this.#geometry.chunkSizeBytes));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new PeerLinkError('unavailable', 'The file was closed meanwhile.');
  }
}
