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

/** In a folder of its own, which does not outlive it. @throws Error with what node-gyp said; whoever asks it to end ends it */
async function build() {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ending.abort());
  const folder = copyForBuild();
  try {
    const built = await buildCopy(folder, {}, ending.signal);
    // Whole or not at all: processes that run keep the binary they have, others load the old one or the new.
    mkdirSync(dirname(binary), { recursive: true });
    const arriving = `${binary}.${process.pid}`;
    copyFileSync(built, arriving);
    renameSync(arriving, binary);
  } finally {
    // What was asked to end may write one file more.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
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
try {
  await build();
} catch (error) {
  console.error(error.message);
  fail(error.message.split('\n')[0]);
}
console.log(`net_io: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
