import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tempDirectory } from './cleanup.ts';
import { ROOT } from './server.ts';

/** Folders of installed packages: each package is shared with the copy, what tools cache beside them is not. */
const PACKAGE_FOLDERS = ['node_modules', 'frontend/node_modules', 'native/node_modules'];
const TOOL_CACHES = ['.cache', '.vite', '.vite-temp'];

/**
 * A copy of the tree in a temporary folder, with this tree's packages: its sources as they are now, what is built
 * only where asked for.
 * @param built folders to take along, from the root
 */
export function copyTree(built: readonly string[] = []): string {
  const target = tempDirectory('tree');
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const files = listed.toString().split('\0');
  for (const path of files.filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(ROOT, path), join(target, path));
  }
  for (const folder of PACKAGE_FOLDERS.filter((name) => existsSync(join(ROOT, name)))) {
    mkdirSync(join(target, folder));
    for (const name of readdirSync(join(ROOT, folder))) {
      if (!TOOL_CACHES.includes(name)) symlinkSync(join(ROOT, folder, name), join(target, folder, name));
    }
  }
  for (const folder of built) cpSync(join(ROOT, folder), join(target, folder), { recursive: true });
  return target;
}
