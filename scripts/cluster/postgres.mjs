import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { SetupError, say } from '../setup/process.mjs';
import { startChild, stopChild, untilAnswers } from './child.mjs';
import { freePort } from './ports.mjs';
import { takeFolder } from './turn.mjs';

const OLDEST_MAJOR = 14;
const INITDB_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 20_000;
/** Nodes hold ten connections each; sixteen of them are the most that are started. */
const MAX_CONNECTIONS = 250;

/** What takes seconds is waited for like this: whoever asks meanwhile whether the folder is taken must get an answer. */
const execute = promisify(execFile);

/**
 * PostgreSQL of this machine on loopback, its data kept in the folder from run to run.
 * @returns {Promise<{ url: string, line: string, stop: () => Promise<void> }>}
 */
export async function startPostgres(folder, password) {
  const programs = newestPrograms();
  const turn = await takeFolder(folder);
  const owner = unprivilegedOwner();
  const home = homeFor(folder, owner);
  const data = join(home, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) assertSameMajor(data, programs.major);
  else await initialise(programs.folder, { home, data, owner, password });
  await stopLeftover(programs.folder, data, owner, home);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(MAX_CONNECTIONS),
  };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const options = { ...owner, cwd: home };
  const server = startChild('PostgreSQL', { command: join(programs.folder, 'postgres'), args, options });
  const isReady = join(programs.folder, 'pg_isready');
  // Its fast shutdown, which does not wait for clients.
  const stop = async () => {
    await stopChild(server, 'SIGINT', STOP_DEADLINE_MS);
    turn.release();
  };
  try {
    await untilAnswers(
      server,
      () => spawnSync(isReady, ['-q', '-h', '127.0.0.1', '-p', String(port), '-U', 'peerlink']).status === 0,
    );
  } catch (fault) {
    await stop();
    throw fault;
  }
  return {
    server,
    url: `postgresql://peerlink:${password}@127.0.0.1:${port}/postgres`,
    line: `PostgreSQL ${programs.major} at 127.0.0.1:${port} (data in ${data})`,
    stop,
  };
}

/** The newest real server on this machine: Debian keeps several, each in a folder off the PATH. */
function newestPrograms() {
  const packaged = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt']
    .filter((root) => existsSync(root))
    .flatMap((root) => readdirSync(root).map((entry) => join(root, entry, 'bin')));
  const found = [...packaged, ...(process.env.PATH ?? '').split(delimiter)]
    .filter((folder) => folder !== '' && ['postgres', 'initdb'].every((name) => existsSync(join(folder, name))))
    .map((folder) => ({ folder, major: majorOf(folder) }))
    .sort((a, b) => b.major - a.major)[0];
  if (found !== undefined && found.major >= OLDEST_MAJOR) return found;
  const seen = found === undefined ? 'none' : `PostgreSQL ${found.major}`;
  throw new SetupError(`the cluster needs PostgreSQL ${OLDEST_MAJOR} or newer, found ${seen}: set DATABASE_URL`);
}

function majorOf(folder) {
  const { stdout } = spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' });
  return Number(/\(PostgreSQL\) (\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}

/** PostgreSQL refuses to run as root. */
function unprivilegedOwner() {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = users.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new SetupError('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
}

/** A folder of the owner's that the owner can reach: inside the one given, unless that lies in a private one of root's. */
function homeFor(folder, owner) {
  const inside = join(folder, 'postgres');
  if (owner.uid === undefined) {
    mkdirSync(inside, { recursive: true, mode: 0o700 });
    return inside;
  }
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  for (const home of [inside, join('/var/lib', `peerlink-${name}`)]) {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    chownSync(home, owner.uid, owner.gid);
    if (spawnSync('test', ['-x', home], { ...owner, cwd: '/' }).status === 0) return home;
    // Left by a run that could be reached, before the folder was moved or closed.
    if (existsSync(join(home, 'data')))
      throw new SetupError(
        `PostgreSQL does not run as root, and its user cannot reach its data in ${home}: let it through`,
      );
    rmSync(home, { recursive: true });
    say(
      `PostgreSQL does not run as root, and its user cannot reach ${home}: its data goes to /var/lib/peerlink-${name}`,
    );
  }
  throw new SetupError('there is no folder that PostgreSQL can reach: start the cluster as another user than root');
}

async function initialise(programs, { home, data, owner, password }) {
  // Under another name first: a run that is cut short leaves half a folder, which looks like a whole one.
  const made = join(home, 'data.new');
  rmSync(made, { recursive: true, force: true });
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner.uid !== undefined) chownSync(passwordFile, owner.uid, owner.gid);
  const args = ['-D', made, '-U', 'peerlink', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8'];
  const options = { ...owner, cwd: home, timeout: INITDB_DEADLINE_MS };
  try {
    await execute(join(programs, 'initdb'), [...args, '--locale=C'], options);
  } catch (fault) {
    rmSync(made, { recursive: true, force: true });
    throw new SetupError(`PostgreSQL's initdb failed:\n${fault.stderr || fault.message}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(made, data);
}

function assertSameMajor(data, major) {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (made === String(major)) return;
  throw new SetupError(
    `${data} was made by PostgreSQL ${made} and this machine has ${major}: install that one, or move the folder away`,
  );
}

/** The server of a run that was killed goes on without us: it is ended, since only we know its folder. */
async function stopLeftover(programs, data, owner, home) {
  if (!existsSync(join(data, 'postmaster.pid'))) return;
  const args = ['-D', data, '-m', 'fast', '-w', 'stop'];
  // It fails where its server has ended long ago; one that runs on is said by the start that follows.
  await execute(join(programs, 'pg_ctl'), args, { ...owner, cwd: home }).catch(() => undefined);
}
