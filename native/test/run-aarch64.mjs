// Cross-compiles the NEON kernel with Debian's aarch64 g++ and runs the kernel harness under qemu-aarch64:
// `node native/test/run-aarch64.mjs`. Installs compiler and emulator through apt when they are missing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildHarness, run, writeExpectedValues } from './harness/harness.mjs';
import { requireCommands } from './harness/require-commands.mjs';

// An emulated NEON lane is slow: fewer lengths, but still every seam of a four- and eight-lane kernel.
const LENGTHS = [0, 1, 8, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3073, 4096, 4097, 5121, 7169, 8192, 8193, 16_384];
LENGTHS.push(31 * 1024, 32 * 1024 + 1, 33 * 1024, 102_400, 257 * 1024 + 1);

await requireCommands({ 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu', 'qemu-aarch64': 'qemu-user' });
const folder = mkdtempSync(join(tmpdir(), 'net-io-aarch64-'));
try {
  const started = performance.now();
  const harness = await buildHarness({
    folder,
    compiler: 'aarch64-linux-gnu-g++',
    architecture: 'arm64',
    flags: ['-O2', '-static'],
  });
  const expected = join(folder, 'expected.txt');
  writeExpectedValues(expected, LENGTHS);
  const output = await run('qemu-aarch64', [harness, expected]);
  if (!output.includes('neon')) throw new Error(`the NEON kernel did not run: ${output}`);
  console.log(`aarch64: ${output.trim()} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
