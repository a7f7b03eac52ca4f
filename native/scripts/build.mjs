// Builds the addon with node-gyp: `node scripts/build.mjs`. Does nothing when the binary is newer than its sources. Ends non-zero with one line that says why when it cannot,
// so that a caller may go on with the TypeScript fallback.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildCopy, copyForBuild, nodeGypPath, packageFolder } from './node-gyp.mjs';

const binary = join(packageFolder, 'build', 'Release', 'net_io.node');

function fail(reason) {
  console.error(`net_io: not built: ${reason}`);
  process.exit(1);
}

/** Whether a command can be started at all. */
const isThere = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;

function isUpToDate() {
  if (!existsSync(binary)) return false;
  const builtMs = statSync(binary).mtimeMs;
  const sources = readdirSync(join(packageFolder, 'src'), { recursive: true }).map((name) => join('src', name));
  return ['binding.gyp', ...sources].every((name) => statSync(join(packageFolder, name)).mtimeMs <= builtMs);
}

if (isUpToDate()) {
  console.log('net_io: the binary is up to date');
  process.exit(0);
}
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
// The age of what was built, which is not that of a source that changes while it is.
const copiedAt = new Date();
const folder = copyForBuild();
try {
  const built = buildCopy(folder);
  // Whole or not at all: processes that run keep the binary they have, others load the old one or the new.
  mkdirSync(dirname(binary), { recursive: true });
  const arriving = `${binary}.${process.pid}`;
  copyFileSync(built, arriving);
  utimesSync(arriving, copiedAt, copiedAt);
  renameSync(arriving, binary);
} catch (error) {
  console.error(error.message);
  fail(error.message.split('\n')[0]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`net_io: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
