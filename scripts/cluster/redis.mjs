import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../setup/process.mjs';
import { STORE_PROGRAMS } from '../setup/programs.mjs';
import { startChild, stopChild, untilAnswers } from './child.mjs';
import { ask, freePort } from './ports.mjs';

const STOP_DEADLINE_MS = 5_000;

/** Redis of this machine on loopback. It keeps nothing: all it holds is made again from PostgreSQL. */
export async function startRedis(folder, password) {
  const home = join(folder, 'redis');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const port = await freePort();
  // In a file, because the arguments of a process can be read by everybody on the machine.
  const settingsFile = join(home, 'redis.conf');
  const settings = { bind: '127.0.0.1', port, dir: `"${home}"`, requirepass: password, save: '""', appendonly: 'no' };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  writeFileSync(settingsFile, lines.join(''), { mode: 0o600 });
  chmodSync(settingsFile, 0o600);
  const command = findProgram(STORE_PROGRAMS.redis.names);
  const server = startChild('Redis', { command, args: [settingsFile], options: { cwd: home } });
  const stop = () => stopChild(server, 'SIGTERM', STOP_DEADLINE_MS);
  try {
    // It asks who we are, which is an answer.
    await untilAnswers(server, async () => (await ask(port, 'PING')).startsWith('-NOAUTH'));
  } catch (fault) {
    await stop();
    throw fault;
  }
  return { server, port, line: `Redis at 127.0.0.1:${port}`, stop };
}
