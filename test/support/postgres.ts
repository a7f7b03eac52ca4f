import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { installPackage } from './apt.ts';
import type { TestCertificate } from './certificates.ts';
import { atEnd } from './cleanup.ts';
import { freePort } from './ports.ts';
import { waitFor } from './waiting.ts';

/**
 * A PostgreSQL server for tests: the one TEST_DATABASE_URL names, or one of our own in a temporary folder. When the test
 * file has ended our own server is stopped, and what was created on an offered one is dropped.
 */
export interface TestPostgres {
  /** The address of an empty database of its own. */
  createDatabase(): Promise<string>;
}

export interface OwnPostgres extends TestPostgres {
  /** Stops every process of the server as if its machine had frozen: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Kills the server with all its processes and starts it again on the same port and data. */
  crashAndRestart(): Promise<void>;
}

const OLDEST_MAJOR = 14;
/** What is kept from one run to the next. */
const BUILT = path.join(__dirname, '..', '..', 'dist', '.build');
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;

export async function startPostgres(): Promise<TestPostgres> {
  const offered = process.env.TEST_DATABASE_URL;
  if (offered === undefined || offered === '') return startOwnPostgres();
  return {
    createDatabase: async () => {
      const url = await createDatabase(offered);
      atEnd(() => dropDatabase(offered, url));
      return url;
    },
  };
}

/**
 * For tests that freeze or kill the server, which an offered one does not allow.
 * @param options.certificate it also takes connections with TLS
 */
export async function startOwnPostgres(options: { certificate?: TestCertificate } = {}): Promise<OwnPostgres> {
  const programs = findPrograms() ?? installPrograms();
  const owner = unprivilegedOwner();
  const folder = mkdtempSync(path.join(tmpdir(), 'peerlink-postgres-'));
  if (owner !== null) chownSync(folder, owner.uid, owner.gid);
  const data = path.join(folder, 'data');
  makeData(programs, data, owner);
  const port = await freePort();
  const url = `postgresql://peerlink@127.0.0.1:${port}/postgres`;
  const settings = options.certificate === undefined ? {} : tlsSettings(options.certificate, folder, owner);
  const run = () => startServer(programs, { data, folder, port, owner, url, settings });
  let server = await run();
  const killWithUs = () => signalAll(server, 'SIGKILL');
  process.once('exit', killWithUs);
  atEnd(async () => {
    signalAll(server, 'SIGCONT');
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
    server.kill('SIGINT');
    if (!(await ended(server))) signalAll(server, 'SIGKILL');
    process.off('exit', killWithUs);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  let isFirst = true;
  return {
    createDatabase: async () => {
      // The server's own database is empty too, and most tests need one.
      const own = isFirst ? url : await createDatabase(url);
      isFirst = false;
      return own;
    },
    freeze: () => signalAll(server, 'SIGSTOP'),
    thaw: () => signalAll(server, 'SIGCONT'),
    crashAndRestart: async () => {
      signalAll(server, 'SIGKILL');
      await ended(server);
      server = await run();
    },
  };
}

const INITDB = ['-U', 'peerlink', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--wal-segsize=1'];

/** Empty data of a server that never ran: by `initdb` the first time, by copying what that made from then on. */
function makeData(programs: string, data: string, owner: Owner | null): void {
  const copy = (from: string, to: string) =>
    execFileSync('cp', ['-a', from, to], { stdio: 'pipe', timeout: START_DEADLINE_MS });
  const kind = createHash('sha256').update(`${versionOf(programs)} ${owner?.uid ?? 'own'} ${INITDB.join(' ')}`);
  const template = path.join(BUILT, `postgres-${kind.digest('hex').slice(0, 16)}`);
  if (existsSync(template)) {
    copy(template, data);
    return;
  }
  const options = { ...owner, cwd: path.dirname(data), stdio: 'pipe', timeout: START_DEADLINE_MS } as const;
  execFileSync(path.join(programs, 'initdb'), ['-D', data, ...INITDB], options);
  if (!existsSync(BUILT)) return;
  const own = `${template}-${process.pid}`;
  copy(data, own);
  try {
    renameSync(own, template);
  } catch {
    // Another test file made it meanwhile: that one is as good.
    rmSync(own, { recursive: true, force: true });
  }
}

interface ServerPlace {
  readonly data: string;
  readonly folder: string;
  readonly port: number;
  readonly owner: Owner | null;
  readonly url: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** It reads a key only if nobody else may. */
function tlsSettings({ key, cert }: TestCertificate, folder: string, owner: Owner | null): Record<string, string> {
  const settings = { ssl_cert_file: path.join(folder, 'server.crt'), ssl_key_file: path.join(folder, 'server.key') };
  writeFileSync(settings.ssl_cert_file, cert);
  writeFileSync(settings.ssl_key_file, key, { mode: 0o600 });
  for (const file of Object.values(settings)) if (owner !== null) chownSync(file, owner.uid, owner.gid);
  return { ssl: 'on', ...settings };
}

async function startServer(programs: string, place: ServerPlace): Promise<ChildProcess> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(place.port),
    unix_socket_directories: place.folder,
    // The tests kill processes, never the machine.
    fsync: 'off',
    max_connections: '400',
    ...place.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(path.join(programs, 'postgres'), ['-D', place.data, ...args], {
    ...place.owner,
    cwd: place.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr?.on('data', (text: Buffer) => {
    said = `${said}${text.toString()}`.slice(-4_000);
  });
  const isUpOrGone = async () => server.exitCode !== null || (await answers(place.url));
  await waitFor('PostgreSQL answers', START_DEADLINE_MS, isUpOrGone).catch((cause: unknown) => {
    signalAll(server, 'SIGKILL');
    throw new Error(`PostgreSQL did not start:\n${said}`, { cause });
  });
  if (server.exitCode !== null) throw new Error(`PostgreSQL ended at start:\n${said}`);
  return server;
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function createDatabase(serverUrl: string): Promise<string> {
  const name = `peerlink_${randomBytes(6).toString('hex')}`;
  await statement(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function dropDatabase(serverUrl: string, url: string): Promise<void> {
  await statement(serverUrl, `DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
}

async function statement(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The server and its backends, which are sessions of their own and so in no common process group. */
function signalAll(server: ChildProcess, signal: NodeJS.Signals): void {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  // The parent first: a stopped one starts no more backends.
  for (const pid of [server.pid, ...childrenOf(server.pid)]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself between the look and the signal.
    }
  }
}

function childrenOf(parent: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, ppid]) => ppid === parent)
    .map(([pid]) => Number(pid));
}

function ended(server: ChildProcess): Promise<boolean> {
  const hasEnded = () => server.exitCode !== null || server.signalCode !== null;
  return waitFor('the end of PostgreSQL', STOP_DEADLINE_MS, hasEnded).catch(() => false);
}

type Owner = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses to run as root. */
function unprivilegedOwner(): Owner | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = users.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('PostgreSQL does not run as root and there is neither a user postgres nor nobody');
}

/** The folder with `postgres` and `initdb` of the newest real server on this machine, at least 14. */
function findPrograms(): string | null {
  const fromPath = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const packaged = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt']
    .filter((root) => existsSync(root))
    .flatMap((root) => readdirSync(root).map((entry) => path.join(root, entry, 'bin')));
  const found = [...packaged, ...fromPath]
    .filter((folder) => existsSync(path.join(folder, 'postgres')) && existsSync(path.join(folder, 'initdb')))
    .map((folder) => ({ folder, major: majorOf(folder) }))
    .filter(({ major }) => major >= OLDEST_MAJOR)
    .sort((a, b) => b.major - a.major);
  return found[0]?.folder ?? null;
}

function majorOf(folder: string): number {
  try {
    return Number(/\(PostgreSQL\) (\d+)/.exec(versionOf(folder))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function versionOf(folder: string): string {
  return execFileSync(path.join(folder, 'postgres'), ['--version'], { encoding: 'utf8', timeout: 10_000 });
}

function installPrograms(): string {
  const wanted = `PostgreSQL ${OLDEST_MAJOR} or newer (programs postgres and initdb; or a server in TEST_DATABASE_URL)`;
  installPackage('postgresql', wanted);
  const programs = findPrograms();
  if (programs === null) throw new Error(`${wanted} is not what apt-get installed`);
  return programs;
}
