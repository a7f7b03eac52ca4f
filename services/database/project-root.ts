import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder with PeerLink's package.json, found by walking up: the same from TypeScript sources and from dist/.
 * Throws when there is none.
 */
export function findProjectRoot(from: string = __dirname): string {
  for (let directory = from; ; directory = path.dirname(directory)) {
    const manifest = path.join(directory, 'package.json');
    if (existsSync(manifest)) {
      const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown };
      if (name === 'peerlink') return directory;
    }
    if (path.dirname(directory) === directory) throw new Error('the package.json of peerlink is in no folder above');
  }
}
