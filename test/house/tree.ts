import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';

/** The root of the project's tree. */
export const ROOT = resolve(__dirname, '..', '..');

const SKIPPED = new Set(['node_modules', 'dist', 'build', 'generated', 'data', 'prebuilds']);

/** Paths from the root, with `/`, of the files under a folder whose name the pattern matches. */
export function filesUnder(folder: string, pattern: RegExp): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(child);
      else if (entry.isFile() && pattern.test(entry.name)) found.push(child);
    }
  };
  walk(folder.split(sep).join('/'));
  return found.sort();
}

/** Names of the files at the root itself that the pattern matches. */
export function filesAt(pattern: RegExp): string[] {
  return readdirSync(ROOT).filter((name) => pattern.test(name));
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
