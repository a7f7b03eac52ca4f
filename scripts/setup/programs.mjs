import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, ROOT, run, SetupError, say } from './process.mjs';

const INSTALL_DEADLINE_MS = 15 * 60_000;

/** Debian keeps PostgreSQL's server programs off the PATH, one folder a version. */
function postgresFolders() {
  const base = '/usr/lib/postgresql';
  return existsSync(base) ? readdirSync(base).map((version) => join(base, version, 'bin')) : [];
}

/**
 * The programs that tests use besides Node: what one is for, the names it may have, Debian's package, and the path
 * of the project that needs it.
 */
const TEST_PROGRAMS = [
  {
    title: 'Chromium',
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    package: 'chromium',
    neededBy: 'frontend',
  },
  { title: 'PostgreSQL', names: ['initdb'], folders: postgresFolders, package: 'postgresql', neededBy: 'prisma' },
  { title: 'Redis', names: ['redis-server'], package: 'redis-server', neededBy: 'services' },
  { title: 'NATS', names: ['nats-server'], package: 'nats-server', neededBy: 'test/cluster' },
  { title: 'nginx', names: ['nginx'], folders: () => ['/usr/sbin'], package: 'nginx-light', neededBy: 'docker' },
  {
    title: 'iptables',
    names: ['iptables'],
    folders: () => ['/usr/sbin'],
    package: 'iptables',
    neededBy: 'test/cluster',
  },
  { title: 'ip', names: ['ip'], folders: () => ['/usr/sbin', '/sbin'], package: 'iproute2', neededBy: 'test/cluster' },
  { title: 'b3sum', names: ['b3sum'], package: 'b3sum', neededBy: 'test' },
  { title: 'aria2c', names: ['aria2c'], package: 'aria2', neededBy: 'test/cluster' },
  { title: 'curl', names: ['curl'], package: 'curl', neededBy: 'test' },
  { title: 'unzip', names: ['unzip'], package: 'unzip', neededBy: 'test' },
  {
    title: 'a compiler for ARM',
    names: ['aarch64-linux-gnu-g++'],
    package: 'g++-aarch64-linux-gnu',
    neededBy: 'native/test/run-aarch64.mjs',
  },
  {
    title: 'QEMU',
    names: ['qemu-aarch64', 'qemu-aarch64-static'],
    package: 'qemu-user',
    neededBy: 'native/test/run-aarch64.mjs',
  },
];

const isMissing = (program) => findProgram(program.names, program.folders?.() ?? []) === undefined;

/** Installs what the tests miss. @throws SetupError when a program cannot be had: that is a failure, never a skip */
export async function ensureTestPrograms() {
  const wanted = TEST_PROGRAMS.filter((program) => existsSync(join(ROOT, program.neededBy)));
  await installMissing(wanted, { neededBy: 'the tests need', command: 'npm test' });
}

/** @returns the path of ffmpeg, which makes one film of two pages. @throws SetupError when it cannot be had */
export async function ensureShowcasePrograms() {
  const ffmpeg = { title: 'ffmpeg', names: ['ffmpeg'], package: 'ffmpeg' };
  await installMissing([ffmpeg], { neededBy: 'the showcase needs', command: 'npm run showcase' });
  return findProgram(ffmpeg.names);
}

/** The databases that `npm run cluster` starts itself. */
export const STORE_PROGRAMS = {
  postgres: {
    title: 'PostgreSQL 14 or newer',
    names: ['postgres'],
    folders: postgresFolders,
    package: 'postgresql',
    instead: 'DATABASE_URL',
  },
  redis: {
    title: 'Redis 6.0 or newer',
    names: ['redis-server', 'valkey-server'],
    package: 'redis-server',
    instead: 'REDIS_HOST',
  },
};

/** Installs those of STORE_PROGRAMS that are not there. @throws SetupError that names what to install or to set */
export async function ensureStorePrograms(wanted) {
  const instead = wanted.map((program) => program.instead).join(' and ');
  await installMissing(wanted, {
    neededBy: 'the cluster needs',
    command: 'npm run cluster',
    otherwise: `, or name a server of yours in ${instead}`,
  });
}

/**
 * With Debian's package manager.
 * @param {{ neededBy: string, command: string, otherwise?: string }} words for the messages
 */
async function installMissing(wanted, { neededBy, command, otherwise = '' }) {
  const missing = wanted.filter(isMissing);
  if (missing.length === 0) return;
  const titles = missing.map((program) => program.title).join(', ');
  const packages = missing.map((program) => program.package);
  const advice = `install it by hand (Debian: apt-get install ${packages.join(' ')}) and run ${command} again${otherwise}`;
  if (findProgram(['apt-get']) === undefined) throw new SetupError(`${neededBy} ${titles}, not on the PATH: ${advice}`);
  if (process.getuid?.() !== 0)
    throw new SetupError(`${neededBy} ${titles}, and only root can install it here: ${advice}`);
  say(`installing ${packages.join(' ')}: ${neededBy} ${titles}`);
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    // Servers are started by us, with settings of our own: packages need not start theirs.
    RUNLEVEL: '1',
  };
  const patience = ['-o', 'DPkg::Lock::Timeout=300', '-q'];
  const options = { env, isQuiet: true, timeoutMs: INSTALL_DEADLINE_MS };
  const updated = await run('apt-get', [...patience, 'update'], options);
  const installed = await run(
    'apt-get',
    [...patience, 'install', '-y', '--no-install-recommends', ...packages],
    options,
  );
  const absent = missing.filter(isMissing);
  if (absent.length === 0) return;
  process.stderr.write(`${updated.output}${installed.output}`.split('\n').slice(-30).join('\n'));
  throw new SetupError(`${neededBy} ${absent.map((program) => program.title).join(', ')}: ${advice}`);
}
