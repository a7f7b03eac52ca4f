/** The instruction-set kernels a net_io implementation can run on. `typescript` is the fallback. */
export type KernelName = 'portable' | 'sse41' | 'avx2' | 'avx512' | 'neon' | 'typescript';

export interface KernelReport {
  readonly implementation: 'native' | 'fallback';
  readonly active: KernelName;
  /** Every kernel this build holds and this CPU and operating system can run, slowest first. */
  readonly available: readonly KernelName[];
  /** Why the fallback runs, in one sentence; absent when native. */
  readonly reason?: string;
}

/** Incremental hashing. Not safe for concurrent use; `update` may be called until `digest`. */
export interface Hasher {
  update(input: Uint8Array): this;
  /** @param outputBytes 1 to 65,536; default 32. May be called repeatedly. */
  digest(outputBytes?: number): Buffer;
}

/**
 * What PeerLink asks of net_io, native or fallback. Offsets and lengths are bytes, leaf counters count
 * 1024-byte BLAKE3 leaves from the start of the file. A chaining value and a digest are both 32 bytes and
 * must never be mixed up: only functions named `root…` and `hash…` return digests.
 *
 * Source: BLAKE3 paper, sections 2.1 to 2.6.
 */
export interface NetIo {
  kernels(): KernelReport;
  /** Test hook: run on another available kernel from now on. Throws when it is not in `available`. */
  useKernel(name: KernelName): void;

  /** One shot, on this thread. For small inputs (at most 4 MiB; RangeError above). */
  hash(input: Uint8Array, outputBytes?: number): Buffer;
  /** One shot, on the pool; several threads for large inputs. The input must not change meanwhile. */
  hashAsync(input: Uint8Array): Promise<Buffer>;
  keyedHash(key: Uint8Array, input: Uint8Array, outputBytes?: number): Buffer;
  deriveKey(context: string, keyMaterial: Uint8Array, outputBytes?: number): Buffer;
  createHasher(options?: { key?: Uint8Array; context?: string }): Hasher;

  /**
   * Chaining value of one chunk (not the root), given as a list of buffers of any lengths whose total is
   * 1 byte to 64 MiB; one job on the pool. A chunk that is not the file's last must be a power of two of leaves.
   */
  chunkValue(buffers: readonly Uint8Array[], leafCounter: number): Promise<Buffer>;
  /** On this thread: at most 2 MiB. */
  chunkValueSync(buffers: readonly Uint8Array[], leafCounter: number): Buffer;
  /** Digest of a file that consists of this one chunk (or of nothing: an empty list). */
  rootOfOnlyChunk(buffers: readonly Uint8Array[]): Promise<Buffer>;
  /** Digest of a file from its chunks' chaining values, `values` = count x 32 bytes, count 2 to 65,536. */
  rootOfChunkValues(values: Uint8Array): Promise<Buffer>;

  /**
   * Reads `length` bytes at `offset` of the file into `buffer` and returns their chaining value; one job on the
   * pool. Rejects with code `SHORT_READ` when the file ends early, else with the system's code (`EIO`, `EBADF`).
   */
  readAndVerify(fd: number, buffer: Uint8Array, offset: number, length: number, leafCounter: number): Promise<Buffer>;
  /**
   * The same, and leaves the bytes in `buffer` obfuscated as `xorInPlace` would, `streamOffset` bytes into the stream: while
   * they are in the cache, and off the event loop. The value is that of the bytes as they were read. Not encryption.
   */
  readVerifyAndHide(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    leafCounter: number,
    key: Uint8Array,
    streamOffset: number,
  ): Promise<Buffer>;
  /** `readAndVerify` without a JavaScript buffer (scrub, recovery). */
  hashFileRange(fd: number, offset: number, length: number, leafCounter: number): Promise<Buffer>;
  /**
   * Writes the buffers at `offset` of the file and returns their chaining value; one job on the pool, each
   * buffer hashed while it is in the cache. Rejects with the system's code (`ENOSPC`).
   */
  writeAndHash(fd: number, buffers: readonly Uint8Array[], offset: number, leafCounter: number): Promise<Buffer>;
  /**
   * The same, and when every byte is written also the value, at `valueOffset` of the file `valuesFd`: one job instead of
   * two where nothing has to happen between the bytes and what vouches for them. With `expectedValue` (32 bytes) only that
   * value is recorded; the bytes are written in any case, and the caller compares what is returned.
   */
  writeHashAndRecord(
    fd: number,
    buffers: readonly Uint8Array[],
    offset: number,
    leafCounter: number,
    valuesFd: number,
    valueOffset: number,
    expectedValue?: Uint8Array,
  ): Promise<Buffer>;

  /** Takes an exclusive flock on an open file without waiting. False when another holds it. */
  lockFile(fd: number): boolean;

  /** Obfuscates in place by XOR with a repeating key of 1 to 4096 bytes, `streamOffset` bytes into the stream. Not encryption. */
  xorInPlace(buffer: Uint8Array, key: Uint8Array, streamOffset: number): void;
  /** The same while copying `source` into `target` (at least as long). Obfuscation, not encryption. */
  xorCopy(source: Uint8Array, target: Uint8Array, key: Uint8Array, streamOffset: number): void;
}
