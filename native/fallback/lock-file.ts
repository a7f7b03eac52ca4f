import { spawnSync } from 'node:child_process';
import { getSystemErrorMap } from 'node:util';

/**
 * An exclusive flock on an open file without waiting. Node has no call for it, but the lock belongs to the open
 * file and not to a process: the command flock(1) takes it on a descriptor it inherits, and ours keeps it.
 *
 * @returns false when another holds it
 */
export function lockFileByCommand(fd: number): boolean {
  const child = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    timeout: 5_000,
  });
  if (child.error !== undefined) throw whyNotStarted(child.error);
  if (child.status === 0) return true;
  if (child.status === 1) return false;
  throw Object.assign(new Error(`flock ended with ${child.status ?? child.signal}: ${child.stderr}`), {
    code: 'EBADF',
  });
}

/** Not there, or something that is no fault of the command: a descriptor that is not open, no time or memory left. */
function whyNotStarted(error: NodeJS.ErrnoException): Error {
  const [, reason] = getSystemErrorMap().get(error.errno ?? 0) ?? [];
  if (error.code !== 'ENOENT' && reason !== undefined) return Object.assign(new Error(reason), { code: error.code });
  return new Error('the file cannot be locked without the native addon or the command flock', { cause: error });
}
