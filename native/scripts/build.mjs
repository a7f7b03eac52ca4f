// Builds the addon with node-gyp: `node scripts/build.mjs`. Ends non-zero with one line that says why when it cannot, so that
// a caller may go on with the TypeScript fallback.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildCopy, copyForBuild, nodeGypPath, packageFolder } from './node-gyp.mjs';

const binary = join(packageFolder, 'build', 'Release', 'net_io.node');

function fail(reason) {
  console.error(`net_io: not built: ${reason}`);
  process.exit(1);
}

/** Whether a command can be started at all. */
const isThere = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;

if (process.platform !== 'win32') {
  if (![process.env.CXX, 'g++', 'clang++'].some((compiler) => compiler && isThere(compiler))) {
    fail('no C++ compiler on the PATH');
  }
  if (!isThere('make')) fail('no make on the PATH');
  if (!isThere('python3')) fail('no python3 on the PATH');
}
try {
  nodeGypPath();
} catch {
  fail('the package node-gyp is not installed (npm ci --include=dev)');
}

const started = performance.now();
const folder = copyForBuild();
try {
  const built = buildCopy(folder);
  // Whole or not at all: processes that run keep the binary they have, others load the old one or the new.
  mkdirSync(dirname(binary), { recursive: true });
  const arriving = `${binary}.${process.pid}`;
  copyFileSync(built, arriving);
  renameSync(arriving, binary);
} catch (error) {
  console.error(error.message);
  fail(error.message.split('\n')[0]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`net_io: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
