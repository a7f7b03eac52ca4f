import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelReport } from '../native/types.ts';
import type { VersionResponse } from './contracts/http.ts';

/** The version of package.json, and the commit where the tree has one. */
export function readRelease(rootDirectory: string): { readonly version: string; readonly commit: string | null } {
  const { version } = JSON.parse(readFileSync(join(rootDirectory, 'package.json'), 'utf8')) as { version: string };
  return { version, commit: readCommit(rootDirectory) };
}

/** An image carries it in a file `COMMIT`; a clone is asked; a tree without either has none. */
function readCommit(rootDirectory: string): string | null {
  const file = join(rootDirectory, 'COMMIT');
  if (existsSync(file)) return commitOf(readFileSync(file, 'utf8'));
  if (!existsSync(join(rootDirectory, '.git'))) return null;
  try {
    const answer = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: rootDirectory, timeout: 1_000, stdio: 'pipe' });
    return commitOf(answer.toString());
  } catch {
    return null; // No git, or a tree that is not ours to ask about.
  }
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
