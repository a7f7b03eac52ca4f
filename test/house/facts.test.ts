import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { lockFileFaults, type PackageLock } from './lock-file.ts';
import { ROOT, readText } from './tree.ts';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
const readManifest = (path: string) => JSON.parse(readText(path)) as Manifest;
const MANIFESTS = ['package.json', 'native/package.json', 'frontend/package.json'];

describe('the version', () => {
  const { version } = readManifest('package.json');

  it.each(MANIFESTS)('is one in %s', (path) => {
    expect(readManifest(path).version).toBe(version);
  });

  it('is the newest of CHANGELOG.md', () => {
    expect(/^## \[?(\d+\.\d+\.\d+)/m.exec(readText('CHANGELOG.md'))?.[1]).toBe(version);
  });

  it('is the one of the badge in README.md', () => {
    expect(/badge\/version-(\d+\.\d+\.\d+)/.exec(readText('README.md'))?.[1]).toBe(version);
  });
});

describe('the lock file', () => {
  it('holds all that its packages name, for every system, and no address', () => {
    expect(lockFileFaults(JSON.parse(readText('package-lock.json')) as PackageLock)).toEqual([]);
  });

  it('is noticed when an optional binary of another system is missing, or an address stands in it', () => {
    const lock: PackageLock = {
      packages: {
        '': { dependencies: { a: '1.0.0' } },
        'node_modules/a': {
          version: '1.0.0',
          integrity: 'sha512-x',
          resolved: 'https://example.org/a.tgz',
          optionalDependencies: { 'a-darwin': '1.0.0' },
        },
      },
    };
    expect(lockFileFaults(lock)).toEqual([
      'node_modules/a names a download address',
      'node_modules/a wants a-darwin, which is missing',
    ]);
  });
});

describe('docs/HACKING.md', () => {
  const rows = [
    ...(readText('docs/HACKING.md')
      .split(/^## Dependencies$/m)
      .at(-1)
      ?.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm) ?? []),
  ];
  const listed = new Map(rows.map((row) => [row[1], { licence: row[2]?.trim(), reason: row[3]?.trim() }]));
  const dependencies = MANIFESTS.flatMap((path) => {
    const manifest = readManifest(path);
    return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  });

  it('says of each dependency why it is here and under which licence', () => {
    const faults = dependencies.filter((name) => !listed.get(name)?.reason);
    expect(faults).toEqual([]);
    for (const name of dependencies) {
      const path = ['', 'frontend/', 'native/'].map((folder) => `${folder}node_modules/${name}/package.json`);
      const manifest = JSON.parse(readText(path.find((one) => existsSync(join(ROOT, one))) ?? '')) as {
        license: string;
      };
      expect([name, listed.get(name)?.licence]).toEqual([name, manifest.license]);
    }
  });

  it('lists nothing twice, and nothing that is not a dependency', () => {
    expect(rows.length).toBe(listed.size);
    expect([...listed.keys()].filter((name) => !dependencies.includes(name ?? ''))).toEqual([]);
  });
});
