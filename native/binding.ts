/**
 * Which NativeBinding this is: as kInterfaceNumber of src/shell/calls.h. Raise both with every change of what a call takes,
 * answers or does: a binary of other sources would ignore an argument that it does not know.
 */
export const INTERFACE_NUMBER = 1;

/** What the C++ addon exports (src/shell/calls.h). Only native-net-io.ts and tests use it. */
export interface NativeBinding {
  readonly interfaceNumber: number;

  hash(input: Uint8Array, output: Uint8Array): void;
  keyedHash(key: Uint8Array, input: Uint8Array, output: Uint8Array): void;
  deriveKey(contextUtf8: Uint8Array, keyMaterial: Uint8Array, output: Uint8Array): void;
  chunkValueSync(buffers: readonly Uint8Array[], leafCounter: number, output: Uint8Array): void;
  Hasher: new (mode: 0 | 1 | 2, keyOrContext?: Uint8Array) => NativeHasher;

  hashAsync(input: Uint8Array): Promise<Buffer>;
  chunkValue(buffers: readonly Uint8Array[], leafCounter: number): Promise<Buffer>;
  rootOfOnlyChunk(buffers: readonly Uint8Array[]): Promise<Buffer>;
  rootOfChunkValues(values: Uint8Array): Promise<Buffer>;

  readAndVerify(fd: number, buffer: Uint8Array, offset: number, length: number, leafCounter: number): Promise<Buffer>;
  readVerifyAndHide(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    leafCounter: number,
    key: Uint8Array,
    streamOffset: number,
  ): Promise<Buffer>;
  hashFileRange(fd: number, offset: number, length: number, leafCounter: number): Promise<Buffer>;
  writeAndHash(fd: number, buffers: readonly Uint8Array[], offset: number, leafCounter: number): Promise<Buffer>;
  writeHashAndRecord(
    fd: number,
    buffers: readonly Uint8Array[],
    offset: number,
    leafCounter: number,
    valuesFd: number,
    valueOffset: number,
    expectedValue?: Uint8Array,
  ): Promise<Buffer>;
  lockFile(fd: number): boolean;

  xorInPlace(buffer: Uint8Array, key: Uint8Array, streamOffset: number): void;
  xorCopy(source: Uint8Array, target: Uint8Array, key: Uint8Array, streamOffset: number): void;

  activeKernel(): string;
  availableKernels(): string[];
  useKernel(name: string): void;
  /** Bits of src/cpu_features.h. */
  machineFeatures(): number;
  /** The kernel a machine with these feature bits would run. */
  kernelForFeatures(bits: number): string;
  /** Whether jobs work on the caller's memory (true) or on copies of it; see docs/NATIVE.md. */
  holdsMemoryInPlace(): boolean;
  /** Test hook: copy although memory could be held. */
  forceCopies(force: boolean): void;
}

export interface NativeHasher {
  update(input: Uint8Array): void;
  digest(output: Uint8Array): void;
}
