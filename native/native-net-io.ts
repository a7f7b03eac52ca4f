import { checkHasherOptions, checkOutputBytes, contextBytes, DIGEST_BYTES } from './arguments.ts';
import type { NativeBinding, NativeHasher } from './binding.ts';
import type { Hasher, KernelName, NetIo } from './types.ts';

class NativeHasherShell implements Hasher {
  readonly #hasher: NativeHasher;

  constructor(hasher: NativeHasher) {
    this.#hasher = hasher;
  }

  update(input: Uint8Array): this {
    this.#hasher.update(input);
    return this;
  }

  digest(outputBytes = DIGEST_BYTES): Buffer {
    checkOutputBytes(outputBytes);
    const output = Buffer.allocUnsafe(outputBytes);
    this.#hasher.digest(output);
    return output;
  }
}

/** A promise for what `start` promises; what it throws (a bad argument) is a rejection like any other. */
function attempt(start: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** net_io over the C++ addon. Results are taken from Node's buffer pool: making one in C++ costs ten times that. */
export function createNativeNetIo(binding: NativeBinding): NetIo {
  return {
    kernels: () => ({
      implementation: 'native',
      active: binding.activeKernel() as KernelName,
      available: binding.availableKernels() as KernelName[],
    }),
    useKernel: (name) => binding.useKernel(name),

    hash(input, outputBytes = DIGEST_BYTES) {
      if (outputBytes !== DIGEST_BYTES) checkOutputBytes(outputBytes);
      const output = Buffer.allocUnsafe(outputBytes);
      binding.hash(input, output);
      return output;
    },
    hashAsync: (input) => attempt(() => binding.hashAsync(input)),
    keyedHash(key, input, outputBytes = DIGEST_BYTES) {
      checkOutputBytes(outputBytes);
      const output = Buffer.allocUnsafe(outputBytes);
      binding.keyedHash(key, input, output);
      return output;
    },
    deriveKey(context, keyMaterial, outputBytes = DIGEST_BYTES) {
      checkOutputBytes(outputBytes);
      const output = Buffer.allocUnsafe(outputBytes);
      binding.deriveKey(contextBytes(context), keyMaterial, output);
      return output;
    },
    createHasher(options = {}) {
      checkHasherOptions(options);
      if (options.key !== undefined) return new NativeHasherShell(new binding.Hasher(1, options.key));
      if (options.context !== undefined) {
        return new NativeHasherShell(new binding.Hasher(2, contextBytes(options.context)));
      }
      return new NativeHasherShell(new binding.Hasher(0));
    },

    chunkValue: (buffers, leafCounter) => attempt(() => binding.chunkValue(buffers, leafCounter)),
    chunkValueSync(buffers, leafCounter) {
      const output = Buffer.allocUnsafe(DIGEST_BYTES);
      binding.chunkValueSync(buffers, leafCounter, output);
      return output;
    },
    rootOfOnlyChunk: (buffers) => attempt(() => binding.rootOfOnlyChunk(buffers)),
    rootOfChunkValues: (values) => attempt(() => binding.rootOfChunkValues(values)),

    readAndVerify: (fd, buffer, offset, length, leafCounter) =>
      attempt(() => binding.readAndVerify(fd, buffer, offset, length, leafCounter)),
    readVerifyAndHide: (fd, buffer, offset, length, leafCounter, key, streamOffset) =>
      attempt(() => binding.readVerifyAndHide(fd, buffer, offset, length, leafCounter, key, streamOffset)),
    hashFileRange: (fd, offset, length, leafCounter) =>
      attempt(() => binding.hashFileRange(fd, offset, length, leafCounter)),
    writeAndHash: (fd, buffers, offset, leafCounter) =>
      attempt(() => binding.writeAndHash(fd, buffers, offset, leafCounter)),
    writeHashAndRecord: (fd, buffers, offset, leafCounter, valuesFd, valueOffset, expectedValue) =>
      attempt(() => binding.writeHashAndRecord(fd, buffers, offset, leafCounter, valuesFd, valueOffset, expectedValue)),
    lockFile: (fd) => binding.lockFile(fd),

    xorInPlace: (buffer, key, streamOffset) => binding.xorInPlace(buffer, key, streamOffset),
    xorCopy: (source, target, key, streamOffset) => binding.xorCopy(source, target, key, streamOffset),
  };
}
