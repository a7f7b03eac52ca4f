// Builds the addon with node-gyp: `node scripts/build.mjs [--debug]`. Ends non-zero with one line that says why when
// it cannot, so that a caller may go on with the TypeScript fallback.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

function fail(reason) {
  console.error(`net_io: not built: ${reason}`);
  process.exit(1);
}

/** Whether a command can be started at all. */
const isThere = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;

function nodeGyp() {
  try {
    return require.resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return fail('the package node-gyp is not installed (npm install --include=dev)');
  }
}

/** Headers that came with this Node; without them node-gyp would fetch them from the network. */
function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

if (process.platform !== 'win32') {
  if (!isThere(process.env.CXX ?? 'c++') && !isThere('g++') && !isThere('clang++')) fail('no C++ compiler on the PATH');
  if (!isThere('make')) fail('no make on the PATH');
  if (!isThere('python3')) fail('no python3 on the PATH');
}

const started = performance.now();
const build = spawnSync(
  process.execPath,
  [
    nodeGyp(),
    'rebuild',
    `--jobs=${availableParallelism()}`,
    ...(process.argv.includes('--debug') ? ['--debug'] : ['--release']),
    ...headerArguments(),
  ],
  { cwd: packageFolder, encoding: 'utf8', maxBuffer: 1 << 26 },
);
if (build.status !== 0) {
  console.error(`${build.stdout ?? ''}${build.stderr ?? ''}`.split('\n').slice(-60).join('\n'));
  fail(build.error ? build.error.message : `node-gyp ended with ${build.status ?? build.signal}`);
}
console.log(`net_io: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
