// How node-gyp is started: with the headers of this very Node, and never with a shell.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

export const packageFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * A temporary folder with all that a build needs. Builds never run in the package's own folder: two at once would
 * break each other, and processes that run would find half a binary. The caller removes it.
 */
export function copyForBuild() {
  const folder = mkdtempSync(join(tmpdir(), 'net-io-build-'));
  for (const name of ['src', 'binding.gyp', 'package.json']) {
    cpSync(join(packageFolder, name), join(folder, name), { recursive: true });
  }
  cpSync(dirname(require.resolve('node-addon-api/package.json')), join(folder, 'node-addon-api'), { recursive: true });
  return folder;
}

/**
 * Configures and builds in a folder of copyForBuild.
 * @param {Record<string, string>} [gypVariables] for binding.gyp
 * @param {AbortSignal} [signal] ends it
 * @throws Error with the end of what node-gyp said
 */
export async function buildCopy(folder, gypVariables = {}, signal) {
  for (const { command, variables } of [
    { command: 'configure', variables: gypVariables },
    { command: 'build', variables: {} },
  ]) {
    const { fault, ...result } = await runNodeGyp(command, folder, variables, signal);
    if (fault !== null)
      throw new Error(`node-gyp ${command} ended with ${fault.signal ?? fault.code}\n${lastLines(result)}`);
  }
  return join(folder, 'build', 'Release', 'net_io.node');
}

/** Folder under which include/node/ has the headers that came with this Node; undefined when they did not. */
export function headerFolder() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? prefix : undefined;
}

/** @throws when the package node-gyp is not installed */
export function nodeGypPath() {
  return require.resolve('node-gyp/bin/node-gyp.js');
}

function runNodeGyp(command, folder, gypVariables, signal) {
  const headers = headerFolder();
  const variables = Object.entries(gypVariables).map(([name, value]) => `-D${name}=${value}`);
  const args = [
    nodeGypPath(),
    command,
    ...(command === 'build' ? [`--jobs=${availableParallelism()}`] : []),
    // Without headers of its own node-gyp looks where npm's configuration says, then in the network.
    ...(headers === undefined ? [] : [`--nodedir=${headers}`]),
    ...(variables.length === 0 ? [] : ['--', ...variables]),
  ];
  const options = { cwd: folder, maxBuffer: 1 << 26, ...(signal === undefined ? {} : { signal }) };
  return new Promise((done) => {
    execFile(process.execPath, args, options, (fault, stdout, stderr) => done({ fault, stdout, stderr }));
  });
}

/** The end of what a failed run said. */
export function lastLines(result, count = 60) {
  return `${result.stdout ?? ''}${result.stderr ?? ''}`.split('\n').slice(-count).join('\n');
}
