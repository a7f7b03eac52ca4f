import { checkHasherOptions, checkOutputBytes, contextBytes, DIGEST_BYTES } from '../arguments.ts';
import type { Hasher, NetIo } from '../types.ts';
import { deriveKeyMode, HASH_MODE, hashRoot, keyedMode, type Mode, subtreeValue, TreeHasher } from './blake3.ts';
import {
  checkBuffers,
  checkBytes,
  checkChunkValues,
  checkFileDescriptor,
  checkInteger,
  checkKey,
  checkLeafCounter,
  checkXor,
  checkXorTarget,
  MAX_CHUNK_BYTES,
  MAX_CONTEXT_BYTES,
  MAX_SYNC_HASH_BYTES,
  MAX_SYNC_LIST_BYTES,
} from './checks.ts';
import { lockFileByCommand } from './lock-file.ts';
import { HashWorker } from './worker.ts';
import { xorStream } from './xor.ts';

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
  checkOutputBytes(outputBytes);
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

/** net_io in TypeScript: the same answers and the same refusals, slower. `reason` is reported by `kernels()`. */
export function createFallbackNetIo(reason: string): NetIo {
  const worker = new HashWorker();
  const run = async (job: Parameters<HashWorker['run']>[0]) => Buffer.from((await worker.run(job)).value);
  return {
    kernels: () => ({ implementation: 'fallback', active: 'typescript', available: ['typescript'], reason }),
    useKernel(name) {
      if (name !== 'typescript') throw new RangeError(`kernel "${name}" is not available here, only typescript`);
    },

    hash(input, outputBytes = DIGEST_BYTES) {
      checkBytes(input, 'input', MAX_SYNC_HASH_BYTES);
      return rootBuffer(HASH_MODE, input, outputBytes);
    },
    async hashAsync(input) {
      checkBytes(input, 'input');
      return run({ kind: 'hash', buffers: [ownCopy(input)] });
    },
    keyedHash(key, input, outputBytes = DIGEST_BYTES) {
      checkKey(key);
      checkBytes(input, 'input', MAX_SYNC_HASH_BYTES);
      return rootBuffer(keyedMode(key), input, outputBytes);
    },
    deriveKey(context, keyMaterial, outputBytes = DIGEST_BYTES) {
      checkBytes(keyMaterial, 'keyMaterial', MAX_SYNC_HASH_BYTES);
      return rootBuffer(derivationMode(context), keyMaterial, outputBytes);
    },
    createHasher(options = {}) {
      checkHasherOptions(options);
      if (options.key !== undefined) {
        checkKey(options.key);
        return new FallbackHasher(keyedMode(options.key));
      }
      return new FallbackHasher(options.context === undefined ? HASH_MODE : derivationMode(options.context));
    },

    async chunkValue(buffers, leafCounter) {
      checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_CHUNK_BYTES));
      return run({ kind: 'chunk', buffers: buffers.map(ownCopy), leafCounter });
    },
    chunkValueSync(buffers, leafCounter) {
      checkLeafCounter(leafCounter, checkBuffers(buffers, 1, MAX_SYNC_LIST_BYTES));
      return Buffer.from(subtreeValue(HASH_MODE, Buffer.concat(buffers), leafCounter));
    },
    async rootOfOnlyChunk(buffers) {
      checkBuffers(buffers, 0, MAX_CHUNK_BYTES);
      return run({ kind: 'hash', buffers: buffers.map(ownCopy) });
    },
    async rootOfChunkValues(values) {
      checkChunkValues(values);
      return run({ kind: 'values', values: ownCopy(values) });
    },

    async readAndVerify(fd, buffer, offset, length, leafCounter) {
      checkFileRange(fd, offset, length, leafCounter);
      checkBytes(buffer, 'buffer');
      if (buffer.length < length) throw new RangeError('length is larger than buffer');
      const { value, bytes } = await worker.run({ kind: 'read', fd, offset, length, leafCounter });
      // A buffer that was transferred away meanwhile has no room left, and set() says so.
      if (bytes !== undefined) buffer.set(bytes);
      return Buffer.from(value);
    },
    async readVerifyAndHide(fd, buffer, offset, length, leafCounter, key, streamOffset) {
      checkBytes(buffer, 'buffer');
      checkXor(buffer.subarray(0, 0), 'buffer', key, streamOffset);
      const value = await this.readAndVerify(fd, buffer, offset, length, leafCounter);
      const bytes = buffer.subarray(0, length);
      xorStream(bytes, bytes, key, streamOffset);
      return value;
    },
    async hashFileRange(fd, offset, length, leafCounter) {
      checkFileRange(fd, offset, length, leafCounter);
      return run({ kind: 'read', fd, offset, length, leafCounter });
    },
    async writeAndHash(fd, buffers, offset, leafCounter) {
      checkFileRange(fd, offset, checkBuffers(buffers, 1, MAX_CHUNK_BYTES), leafCounter);
      return run({ kind: 'write', fd, buffers: buffers.map(ownCopy), offset, leafCounter });
    },
    async writeHashAndRecord(fd, buffers, offset, leafCounter, valuesFd, valueOffset) {
      checkFileRange(fd, offset, checkBuffers(buffers, 1, MAX_CHUNK_BYTES), leafCounter);
      checkFileDescriptor(valuesFd);
      checkInteger(valueOffset, 'valueOffset', 0, Number.MAX_SAFE_INTEGER);
      const record = { fd: valuesFd, offset: valueOffset };
      return run({ kind: 'write', fd, buffers: buffers.map(ownCopy), offset, leafCounter, record });
    },
    lockFile(fd) {
      checkFileDescriptor(fd);
      return lockFileByCommand(fd);
    },

    xorInPlace(buffer, key, streamOffset) {
      checkXor(buffer, 'buffer', key, streamOffset);
      xorStream(buffer, buffer, key, streamOffset);
    },
    xorCopy(source, target, key, streamOffset) {
      checkXor(source, 'source', key, streamOffset);
      checkXorTarget(source, target);
      xorStream(source, target, key, streamOffset);
    },
  };
}

function checkFileRange(fd: number, offset: number, length: number, leafCounter: number): void {
  checkFileDescriptor(fd);
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  checkInteger(length, 'length', 1, MAX_CHUNK_BYTES);
  checkLeafCounter(leafCounter, length);
}
