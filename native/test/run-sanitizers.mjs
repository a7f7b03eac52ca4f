// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, apart from the ordinary build, and runs the
// kernel harness and the addon's own tests with it: `node native/test/run-sanitizers.mjs`.
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCopy, copyForBuild } from '../scripts/node-gyp.mjs';
import { run, writeExpectedValues } from './harness/harness.mjs';
import { requireCommands } from './harness/require-commands.mjs';

const nativeFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const rootFolder = resolve(nativeFolder, '..');
const SANITIZERS = 'address,undefined';
// Emulated lanes of a sanitized kernel are slow; these keep every seam of the widest one.
const LENGTHS = [
  0, 1, 63, 64, 65, 1023, 1024, 1025, 2047, 4096, 8193, 15_361, 31_744, 32_769, 65_536, 102_401, 524_289,
];
const TESTS = ['kernels', 'safety', 'shell.fuzz', 'tree.property', 'worker-threads'];

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** The harness is linked with the very libraries the addon was. */
async function runHarness(folder) {
  const harness = join(folder, 'kernel_harness');
  const libraries = ['core', 'avx512', 'avx2', 'sse41', 'neon', 'portable'].map((name) => `net_io_${name}.a`);
  const target = join(folder, 'build', 'Release', 'obj.target');
  const present = libraries.filter((name) => process.arch === 'arm64' || !name.includes('neon'));
  const chosen = present.filter((name) => process.arch !== 'arm64' || !/avx|sse/.test(name));
  const define = process.arch === 'arm64' ? '-DNET_IO_ARM64' : '-DNET_IO_X86';
  const source = join(nativeFolder, 'test', 'harness', 'kernel_harness.cc');
  const flags = [
    '-std=c++17',
    '-O1',
    '-g1',
    `-fsanitize=${SANITIZERS}`,
    '-fno-sanitize-recover=all',
    '-fno-rtti',
    define,
  ];
  await run('g++', [
    ...flags,
    `-I${join(nativeFolder, 'src')}`,
    source,
    ...chosen.map((name) => join(target, name)),
    '-o',
    harness,
  ]);
  const expected = join(folder, 'expected.txt');
  writeExpectedValues(expected, LENGTHS);
  return (await run(harness, [expected])).trim();
}

/** Jest with the sanitized addon: node-gyp-build takes the folder it looks in from NET_IO_PREBUILD. */
async function runTests(folder) {
  const asan = (await run('g++', ['-print-file-name=libasan.so'])).trim();
  const jest = join(rootFolder, 'node_modules', 'jest', 'bin', 'jest.js');
  const patterns = TESTS.map((name) => `native/test/${name}\\.test`);
  const env = {
    ...process.env,
    NET_IO_PREBUILD: folder,
    LD_PRELOAD: asan,
    // Node frees little on its way out, and that is no leak of ours.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=86',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  const nodeFlags = ['--experimental-vm-modules', '--no-warnings'];
  return run(process.execPath, [...nodeFlags, jest, '--runInBand', '--testTimeout=300000', ...patterns], {
    cwd: rootFolder,
    env,
  });
}

await requireCommands({ 'g++': 'g++', make: 'make', python3: 'python3' });
const folder = copyForBuild();
try {
  let since = performance.now();
  await buildCopy(folder, { net_io_sanitize: SANITIZERS });
  console.log(`sanitizers: built in ${seconds(since)}`);
  since = performance.now();
  console.log(`sanitizers: ${await runHarness(folder)} in ${seconds(since)}`);
  since = performance.now();
  const output = await runTests(folder);
  console.log(`sanitizers: ${output.match(/Tests: .*/)?.[0]} in ${seconds(since)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
