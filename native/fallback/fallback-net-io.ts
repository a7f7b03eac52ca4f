import { checkHasherOptions, checkOutputBytes, contextBytes, DIGEST_BYTES } from '../arguments.ts';
import type { Hasher, NetIo } from '../types.ts';
import { deriveKeyMode, HASH_MODE, hashRoot, keyedMode, type Mode, subtreeValue, TreeHasher } from './blake3.ts';
import {
  checkBuffers,
  checkBytes,
  checkChunkValues,
  checkExpectedValue,
  checkFileDescriptor,
  checkInteger,
  checkKey,
  checkLeafCounter,
  checkXorKey,
  checkXorTarget,
  MAX_CHUNK_BYTES,
  MAX_CONTEXT_BYTES,
  MAX_SYNC_HASH_BYTES,
  MAX_SYNC_LIST_BYTES,
  MAX_SYNC_XOR_BYTES,
  rangeError,
} from './checks.ts';
import type { Job } from './jobs.ts';
import { lockFileByCommand } from './lock-file.ts';
import { HashWorker } from './worker.ts';
import { xorStream } from './xor.ts';

type ReadJob = Extract<Job, { kind: 'read' }>;

class FallbackHasher implements Hasher {
  readonly #hasher: TreeHasher;

  constructor(mode: Mode) {
    this.#hasher = new TreeHasher(mode);
  }

  update(input: Uint8Array): this {
    checkBytes(input, 'input', MAX_SYNC_HASH_BYTES);
    this.#hasher.update(input);
    return this;
  }

  digest(outputBytes = DIGEST_BYTES): Buffer {
    checkOutputBytes(outputBytes);
    const output = Buffer.alloc(outputBytes);
    this.#hasher.digest(output);
    return output;
  }
}

function rootBuffer(mode: Mode, input: Uint8Array, outputBytes: number): Buffer {
  const output = Buffer.alloc(outputBytes);
  hashRoot(mode, input, output);
  return output;
}

function derivationMode(context: string): Mode {
  const bytes = contextBytes(context);
  checkBytes(bytes, 'context', MAX_CONTEXT_BYTES);
  return deriveKeyMode(bytes);
}

/** A copy in memory of its own, which can be moved to the worker thread. */
const ownCopy = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);

/** What runs on the calling thread. */
const HASHING: Pick<NetIo, 'hash' | 'keyedHash' | 'deriveKey' | 'createHasher' | 'chunkValueSync'> = {
  hash(input, outputBytes = DIGEST_BYTES) {
    checkOutputBytes(outputBytes);
    checkBytes(input, 'input', MAX_SYNC_HASH_BYTES);
    return rootBuffer(HASH_MODE, input, outputBytes);
  },
  keyedHash(key, input, outputBytes = DIGEST_BYTES) {
    checkOutputBytes(outputBytes);
    checkKey(key);
    checkBytes(input, 'input', MAX_SYNC_HASH_BYTES);
    return rootBuffer(keyedMode(key), input, outputBytes);
  },
  deriveKey(context, keyMaterial, outputBytes = DIGEST_BYTES) {
    checkOutputBytes(outputBytes);
    const mode = derivationMode(context);
    checkBytes(keyMaterial, 'keyMaterial', MAX_SYNC_HASH_BYTES);
    return rootBuffer(mode, keyMaterial, outputBytes);
  },
  createHasher(options = {}) {
    checkHasherOptions(options);
    if (options.key !== undefined) {
      checkKey(options.key);
      return new FallbackHasher(keyedMode(options.key));
    }
    return new FallbackHasher(options.context === undefined ? HASH_MODE : derivationMode(options.context));
  },
  chunkValueSync(buffers, leafCounter) {
    checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_SYNC_LIST_BYTES));
    return Buffer.from(subtreeValue(HASH_MODE, Buffer.concat(buffers), leafCounter));
  },
};

const XOR: Pick<NetIo, 'xorInPlace' | 'xorCopy'> = {
  xorInPlace(buffer, key, streamOffset) {
    checkBytes(buffer, 'buffer', MAX_SYNC_XOR_BYTES);
    checkXorKey(key, streamOffset);
    xorStream(buffer, buffer, key, streamOffset);
  },
  xorCopy(source, target, key, streamOffset) {
    checkBytes(source, 'source', MAX_SYNC_XOR_BYTES);
    checkBytes(target, 'target');
    checkXorKey(key, streamOffset);
    checkXorTarget(source, target);
    xorStream(source, target, key, streamOffset);
  },
};

type RunJob = (job: Job) => Promise<Buffer>;

/** Hashing of memory on the worker thread. */
function memoryJobs(run: RunJob): Pick<NetIo, 'hashAsync' | 'chunkValue' | 'rootOfOnlyChunk' | 'rootOfChunkValues'> {
  return {
    async hashAsync(input) {
      checkBytes(input, 'input');
      return run({ kind: 'hash', buffers: [ownCopy(input)] });
    },
    async chunkValue(buffers, leafCounter) {
      checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_CHUNK_BYTES));
      return run({ kind: 'chunk', buffers: buffers.map(ownCopy), leafCounter });
    },
    async rootOfOnlyChunk(buffers) {
      checkBuffers(buffers, 0, MAX_CHUNK_BYTES);
      return run({ kind: 'hash', buffers: buffers.map(ownCopy) });
    },
    async rootOfChunkValues(values) {
      checkChunkValues(values);
      return run({ kind: 'values', values: ownCopy(values) });
    },
  };
}

type FileCall = 'readAndVerify' | 'readVerifyAndHide' | 'hashFileRange' | 'writeAndHash' | 'writeHashAndRecord';

function fileJobs(worker: HashWorker, run: RunJob): Pick<NetIo, FileCall> {
  /** The worker reads into memory of its own, which is copied into the caller's buffer when the job is done. */
  async function readInto(buffer: Uint8Array, job: ReadJob): Promise<Buffer> {
    checkBytes(buffer, 'buffer');
    if (buffer.length < job.length) throw rangeError('length', 'is larger than buffer');
    const { value, bytes } = await worker.run(job);
    if (bytes === undefined || buffer.length < bytes.length) {
      const message = 'buffer lost its memory while the job ran';
      throw Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' });
    }
    buffer.set(bytes);
    return Buffer.from(value);
  }
  return {
    async readAndVerify(fd, buffer, offset, length, leafCounter) {
      checkFileRange(fd, offset, length, leafCounter);
      return readInto(buffer, { kind: 'read', fd, offset, length, leafCounter, returnsBytes: true });
    },
    async readVerifyAndHide(fd, buffer, offset, length, leafCounter, key, streamOffset) {
      checkFileRange(fd, offset, length, leafCounter);
      checkXorKey(key, streamOffset);
      const hide = { key: ownCopy(key), streamOffset };
      return readInto(buffer, { kind: 'read', fd, offset, length, leafCounter, returnsBytes: true, hide });
    },
    async hashFileRange(fd, offset, length, leafCounter) {
      checkFileRange(fd, offset, length, leafCounter);
      return run({ kind: 'read', fd, offset, length, leafCounter, returnsBytes: false });
    },
    async writeAndHash(fd, buffers, offset, leafCounter) {
      checkFile(fd, offset);
      checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_CHUNK_BYTES));
      return run({ kind: 'write', fd, buffers: buffers.map(ownCopy), offset, leafCounter });
    },
    async writeHashAndRecord(fd, buffers, offset, leafCounter, valuesFd, valueOffset, expectedValue) {
      checkFile(fd, offset);
      checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_CHUNK_BYTES));
      checkFileDescriptor(valuesFd);
      checkInteger(valueOffset, 'valueOffset', 0, Number.MAX_SAFE_INTEGER);
      if (expectedValue !== undefined) checkExpectedValue(expectedValue);
      const expected = expectedValue === undefined ? {} : { expectedValue: ownCopy(expectedValue) };
      const record = { fd: valuesFd, offset: valueOffset, ...expected };
      return run({ kind: 'write', fd, buffers: buffers.map(ownCopy), offset, leafCounter, record });
    },
  };
}

/**
 * net_io in TypeScript: the same answers and the same refusals, slower. Arguments are checked in the order of the C++
 * shell, so that a call with several bad ones is refused in the same words. `reason` is reported by `kernels()`.
 */
export function createFallbackNetIo(reason: string): NetIo {
  const worker = new HashWorker();
  const run: RunJob = async (job) => Buffer.from((await worker.run(job)).value);
  return {
    kernels: () => ({ implementation: 'fallback', active: 'typescript', available: ['typescript'], reason }),
    useKernel(name) {
      if (name !== 'typescript') throw new RangeError(`kernel "${name}" is not available here, only typescript`);
    },
    ...HASHING,
    ...XOR,
    ...memoryJobs(run),
    ...fileJobs(worker, run),
    lockFile(fd) {
      checkFileDescriptor(fd);
      return lockFileByCommand(fd);
    },
  };
}

function checkFile(fd: number, offset: number): void {
  checkFileDescriptor(fd);
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
}

function checkFileRange(fd: number, offset: number, length: number, leafCounter: number): void {
  checkFile(fd, offset);
  checkInteger(length, 'length', 1, MAX_CHUNK_BYTES);
  checkLeafCounter(leafCounter, length);
}
