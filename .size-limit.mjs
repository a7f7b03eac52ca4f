import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a browser must have before somebody can send a file: the scripts and styles that index.html names, and the
 * worker that sends. What other views load when they are opened does not count.
 */
function neededForSending() {
  const page = join('frontend', 'dist', 'index.html');
  if (!existsSync(page)) return [page];
  const named = readFileSync(page, 'utf8').matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g);
  const assets = join('frontend', 'dist', 'assets');
  const workers = readdirSync(assets).filter((name) => /worker.*\.js$/i.test(name));
  return [
    ...[...named].map(([, path]) => join('frontend', 'dist', path)),
    ...workers.map((name) => join(assets, name)),
  ];
}

export default [{ name: 'what sending a file needs', path: neededForSending(), gzip: true, limit: '150 kB' }];
