import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import nodeGypBuild from 'node-gyp-build';
import type { NativeBinding } from '../binding.ts';
import { loadNetIo, type NetIo } from '../index.ts';

/** The addon itself, below the TypeScript shell. Tests of native code fail without it, they do not skip. */
export function loadBinding(): NativeBinding {
  return require(nodeGypBuild.resolve(join(__dirname, '..'))) as NativeBinding;
}

/** Both implementations; every rule of the interface holds for each. */
export function implementations(): [string, NetIo][] {
  const native = loadNetIo({ useNative: true });
  if (native.kernels().implementation !== 'native') throw new Error(native.kernels().reason);
  return [
    ['native', native],
    ['fallback', loadNetIo({ useNative: false })],
  ];
}

/** Byte i is i mod 251, as in the published vectors. `start` bytes lie before it, to set its alignment. */
export function pattern(sizeBytes: number, start = 0): Buffer {
  const whole = Buffer.alloc(start + sizeBytes);
  const bytes = whole.subarray(start);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = i % 251;
  return bytes;
}

/** Lengths at which something begins or ends: blocks, leaves, lanes of every kernel, groups of the tree. */
export const SEAM_LENGTHS: readonly number[] = (() => {
  const lengths = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 102_400, 31 * 1024, 100 * 1024 + 1, 127 * 1024 + 5]);
  for (let power = 16; power <= 2 ** 19; power *= 2) for (const near of [-1, 0, 1]) lengths.add(power + near);
  for (const leaves of [3, 5, 7, 9, 15, 16, 17, 31, 33, 63, 65, 255, 257]) {
    for (const near of [-1, 0, 1]) lengths.add(leaves * 1024 + near);
  }
  return [...lengths].sort((a, b) => a - b);
})();

export interface PublishedVectors {
  readonly key: string;
  readonly context_string: string;
  readonly cases: readonly {
    readonly input_len: number;
    readonly hash: string;
    readonly keyed_hash: string;
    readonly derive_key: string;
  }[];
}

/** The vectors published with BLAKE3, when they lie beside the project; they are not part of it. */
export function publishedVectors(): PublishedVectors | undefined {
  const path = join(__dirname, '..', '..', '..', 'shared', 'vectors', 'blake3.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as PublishedVectors) : undefined;
}
