// Builds the kernel harness with a given compiler and flags, and makes the values it checks against.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blake3 } from '@noble/hashes/blake3.js';

const nativeFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const sourceFolder = join(nativeFolder, 'src');

/** Sources and the flags only they get, as in binding.gyp. */
const COMMON = [
  'blake3/tree',
  'blake3/portable',
  'xor_stream/portable',
  'xor_stream/xor_stream',
  'cpu_features',
  'kernels',
];
const BY_ARCHITECTURE = {
  x64: {
    define: '-DNET_IO_X86',
    kernels: [
      ['blake3/sse41', ['-msse4.1']],
      ['xor_stream/sse2', []],
      ['blake3/avx2', ['-mavx2']],
      ['xor_stream/avx2', ['-mavx2']],
      ['blake3/avx512', ['-mavx512f', '-mavx512vl', '-Wno-uninitialized', '-Wno-maybe-uninitialized']],
      ['xor_stream/avx512', ['-mavx512f', '-mavx512vl', '-Wno-uninitialized', '-Wno-maybe-uninitialized']],
    ],
  },
  arm64: {
    define: '-DNET_IO_ARM64',
    kernels: [
      ['blake3/neon', []],
      ['xor_stream/neon', []],
    ],
  },
};

/** Runs a command; its output is shown when it fails. */
export function run(command, commandArguments, options = {}) {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(command, commandArguments, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolvePromise(output);
      else reject(new Error(`${command} ended with ${status ?? signal}\n${output.slice(-8000)}`));
    });
  });
}

/** @returns the path of the executable in `folder` */
export async function buildHarness({ folder, compiler, architecture, flags }) {
  const { define, kernels } = BY_ARCHITECTURE[architecture];
  const units = [
    ...COMMON.map((name) => [join(sourceFolder, `${name}.cc`), []]),
    ...kernels.map(([name, own]) => [join(sourceFolder, `${name}.cc`), own]),
    [join(nativeFolder, 'test', 'harness', 'kernel_harness.cc'), []],
  ];
  const all = ['-std=c++17', '-Wall', '-Wextra', '-fno-exceptions', '-fno-rtti', define, `-I${sourceFolder}`, ...flags];
  const objects = [];
  const waiting = [...units.entries()];
  const compileNext = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, [source, own]] = next;
      const object = join(folder, `${i}-${basename(source)}.o`);
      objects.push(object);
      await run(compiler, [...all, ...own, '-c', source, '-o', object]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  const executable = join(folder, 'kernel_harness');
  await run(compiler, [...flags, ...objects, '-o', executable]);
  return executable;
}

/** Lengths at which something begins or ends: blocks, leaves, lanes of every kernel, groups of the tree. */
export const SEAM_LENGTHS = (() => {
  const lengths = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 102_400, 31 * 1024, 100 * 1024 + 1, 127 * 1024 + 5]);
  for (let power = 16; power <= 2 ** 19; power *= 2) for (const near of [-1, 0, 1]) lengths.add(power + near);
  for (const leaves of [3, 5, 7, 9, 12, 15, 17, 23, 24, 31, 33, 48, 63, 65, 255, 257]) {
    for (const near of [-1, 0, 1]) lengths.add(leaves * 1024 + near);
  }
  return [...lengths].sort((a, b) => a - b);
})();

/** Writes what an implementation that is not ours says, in the form kernel_harness reads. */
export function writeExpectedValues(path, lengths = SEAM_LENGTHS) {
  const longest = Math.max(...lengths);
  const input = new Uint8Array(longest);
  for (let i = 0; i < longest; i++) input[i] = i % 251;
  const key = input.slice(0, 32);
  const context = new TextEncoder().encode('net_io kernel harness 2026 context');
  const lines = [];
  for (const length of lengths) {
    const bytes = input.subarray(0, length);
    const outputs = {
      hash: blake3(bytes, { dkLen: 131 }),
      keyed: blake3(bytes, { dkLen: 131, key }),
      derive: blake3(bytes, { dkLen: 131, context }),
    };
    for (const [mode, output] of Object.entries(outputs)) {
      lines.push(`${mode} ${length} ${Buffer.from(output).toString('hex')}`);
    }
  }
  writeFileSync(path, `${lines.join('\n')}\n`);
}
