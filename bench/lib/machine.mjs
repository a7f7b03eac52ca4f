import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

const versionOf = (command, ...args) => {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch {
    return null;
  }
};

/** What a reader needs to judge the figures. */
export function describeMachine() {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    commit: versionOf('git', 'rev-parse', '--short=12', 'HEAD') ?? 'unknown',
    hasUncommittedChanges:
      (versionOf('git', 'status', '--porcelain', '--', 'services', 'native', 'bench') ?? '') !== '',
    cpu: first.model,
    cores: cpus().length,
    // Of five minutes, before anything of ours ran: other people's work, which costs the contenders unequally.
    loadBefore: Math.round(loadavg()[1] * 10) / 10,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    browser: versionOf('chromium', '--version'),
    filesOn: 'tmpfs (/dev/shm)',
    client: 'bench/clients/raw-http.mjs in a process of its own; tus-js-client; socket.io-client; Chromium',
  };
}
