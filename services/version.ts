import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { KernelReport } from '../native/types.ts';
import type { VersionResponse } from './contracts/http.ts';

/** The version of package.json, and the commit where the tree has one. */
export function readRelease(rootDirectory: string): { readonly version: string; readonly commit: string | null } {
  const { version } = JSON.parse(readFileSync(join(rootDirectory, 'package.json'), 'utf8')) as { version: string };
  return { version, commit: readCommit(rootDirectory) };
}

/** An image carries it in a file `COMMIT`; a clone has it in its `.git`; a tree without either has none. */
function readCommit(rootDirectory: string): string | null {
  const file = join(rootDirectory, 'COMMIT');
  try {
    return commitOf(existsSync(file) ? readFileSync(file, 'utf8') : commitOfClone(join(rootDirectory, '.git')));
  } catch {
    return null; // No clone, or one that keeps its commits in another way.
  }
}

/** Read here and not asked of `git`, which holds up every start for 50 ms, is not everywhere, and refuses other owners. */
function commitOfClone(git: string): string {
  const text = (path: string): string => readFileSync(path, 'utf8').trim();
  // In a worktree `.git` is a file that names the folder of its HEAD, and that folder names the clone's.
  const own = statSync(git).isDirectory() ? git : resolve(git, '..', text(git).replace(/^gitdir: /, ''));
  const head = text(join(own, 'HEAD'));
  if (!head.startsWith('ref: ')) return head;
  const branch = head.slice('ref: '.length);
  const shared = existsSync(join(own, 'commondir')) ? resolve(own, text(join(own, 'commondir'))) : own;
  if (existsSync(join(shared, branch))) return text(join(shared, branch));
  const packed = text(join(shared, 'packed-refs')).split('\n');
  return packed.find((line) => line.endsWith(` ${branch}`))?.split(' ')[0] ?? '';
}

const commitOf = (text: string): string | null => (/^[0-9a-f]{7,64}$/.test(text.trim()) ? text.trim() : null);

export function versionResponse(
  release: { readonly version: string; readonly commit: string | null },
  native: KernelReport,
  storage: VersionResponse['storage'],
  mode: VersionResponse['mode'],
): VersionResponse {
  return {
    version: release.version,
    commit: release.commit,
    node: process.version,
    native: {
      implementation: native.implementation,
      kernel: native.active,
      available: native.available,
      ...(native.reason === undefined ? {} : { reason: native.reason }),
    },
    storage,
    mode,
  };
}
