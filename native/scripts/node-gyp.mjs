// How node-gyp is started: with the headers of this very Node, and never with a shell.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Folder under which include/node/ has the headers that came with this Node; undefined when they did not. */
export function headerFolder() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? prefix : undefined;
}

/** @throws when the package node-gyp is not installed */
export function nodeGypPath() {
  return require.resolve('node-gyp/bin/node-gyp.js');
}

/**
 * Runs one node-gyp command in a folder that has a binding.gyp.
 * @param gypVariables variables for binding.gyp, for the command configure
 */
export function runNodeGyp(command, folder, gypVariables = {}) {
  const headers = headerFolder();
  const variables = Object.entries(gypVariables).map(([name, value]) => `-D${name}=${value}`);
  return spawnSync(
    process.execPath,
    [
      nodeGypPath(),
      command,
      ...(command === 'build' ? [`--jobs=${availableParallelism()}`] : []),
      // Without headers of its own node-gyp looks where npm's configuration says, then in the network.
      ...(headers === undefined ? [] : [`--nodedir=${headers}`]),
      ...(variables.length === 0 ? [] : ['--', ...variables]),
    ],
    { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
}

/** The end of what a failed run said. */
export function lastLines(result, count = 60) {
  return `${result.stdout ?? ''}${result.stderr ?? ''}`.split('\n').slice(-count).join('\n');
}
