import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ROOT } from './process.mjs';

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const LOOK_FOR_PARENT_EVERY_MS = 250;

/**
 * Calls `act` once when the process that started this one has ended, if that was npm: npm runs scripts in a shell and sends a
 * SIGTERM to that shell, which ends without passing it on.
 */
export function whenParentEnds(act) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    act();
  }, LOOK_FOR_PARENT_EVERY_MS);
  watch.unref();
}

/**
 * Runs programs in the foreground of this process until the first one ends, then asks the others to end too.
 * Signals go through; the answer is the exit code that this process should end with.
 * @param {readonly { args: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv }[]} programs arguments of node
 * @returns {Promise<number>}
 */
export function runInForeground(programs) {
  return new Promise((done) => {
    let exitCode;
    const running = new Set();
    const signalAll = (signal) => {
      for (const child of running) child.kill(signal);
    };
    for (const signal of FORWARDED_SIGNALS) {
      process.on(signal, () => {
        // A terminal sends Ctrl-C to the whole group: forwarding it would reach the server twice, and the second
        // one means "at once".
        if (signal !== 'SIGINT' || !process.stdin.isTTY) signalAll(signal);
      });
    }
    whenParentEnds(() => signalAll('SIGTERM'));
    for (const { args, cwd = ROOT, env = process.env } of programs) {
      const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit' });
      running.add(child);
      child.on('close', (code, signal) => {
        running.delete(child);
        // The first one to end says how it went; the others end because they are asked to.
        exitCode ??= code ?? 128 + (constants.signals[signal] ?? 0);
        if (running.size === 0) done(exitCode);
        else signalAll('SIGTERM');
      });
    }
  });
}
