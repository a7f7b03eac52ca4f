import { spawnSync } from 'node:child_process';
import { run } from './harness.mjs';

const isThere = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;

/** @param packages Debian packages by the command they bring; those whose command is missing are installed. */
export async function requireCommands(packages) {
  const missing = Object.entries(packages).filter(([command]) => !isThere(command));
  if (missing.length === 0) return;
  const names = missing.map(([, name]) => name);
  console.log(`installing ${names.join(' ')}`);
  try {
    await run('apt-get', ['install', '--yes', '--no-install-recommends', ...names]);
  } catch (error) {
    throw new Error(`${names.join(' and ')} needed, and apt-get could not install: ${error.message}`);
  }
}
