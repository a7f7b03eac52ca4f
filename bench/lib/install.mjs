// The other servers: packages of bench/package.json into bench/node_modules, and Debian's nginx.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('..', import.meta.url));

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${result.status ?? result.error}`);
}

function isThere(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

function arePackagesThere() {
  const { dependencies } = JSON.parse(readFileSync(join(BENCH, 'package.json'), 'utf8'));
  return Object.entries(dependencies).every(([name, version]) => {
    const path = join(BENCH, 'node_modules', name, 'package.json');
    return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).version === version;
  });
}

export async function installContenders() {
  // Debian keeps it where only root looks.
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  if (!arePackagesThere()) {
    const npm = ['install', '--before=2026-09-30', '--no-workspaces', '--ignore-scripts', '--no-audit', '--no-fund'];
    run('npm', npm, { cwd: BENCH });
  }
  for (const program of ['nginx', 'chromium']) {
    if (isThere(program)) continue;
    if (process.getuid?.() !== 0) throw new Error(`${program} is missing: apt-get install ${program}`);
    run('apt-get', ['install', '--yes', '--no-install-recommends', program], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
}
