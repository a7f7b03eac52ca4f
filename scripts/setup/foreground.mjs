import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { assertNotEnding, endPrograms, ROOT } from './process.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const LOOK_FOR_PARENT_EVERY_MS = 250;

/** Of the beginning: it may end during the set-up, long before anybody asks. */
const PARENT = process.ppid;

/**
 * Calls `act` once when the process that started this one has ended, if that was npm: npm runs scripts in a shell and sends a
 * SIGTERM to that shell, which ends without passing it on.
 * @returns {() => void} to be called when nobody wants to know any more
 */
function whenParentEnds(act) {
  if (process.env.npm_lifecycle_event === undefined) return () => undefined;
  const watch = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(watch);
    act();
  }, LOOK_FOR_PARENT_EVERY_MS);
  watch.unref();
  return () => clearInterval(watch);
}

/**
 * Calls `act` with each signal that asks this process to end, and with SIGTERM when the npm that started it has ended.
 * @returns {() => void} gives signals back their own meaning
 */
export function onEndAsked(act) {
  for (const signal of SIGNALS) process.on(signal, act);
  const unwatch = whenParentEnds(() => act('SIGTERM'));
  return () => {
    for (const signal of SIGNALS) process.off(signal, act);
    unwatch();
  };
}

/**
 * Whoever is asked to end takes the step that runs along: left alone it would work beside that of the next set-up.
 * @throws SetupError then: what the step said of its end is of no use to anybody
 */
export async function untilAskedToEnd(body) {
  const giveBack = onEndAsked(endPrograms);
  try {
    const result = await body().catch((fault) => {
      assertNotEnding();
      throw fault;
    });
    assertNotEnding();
    return result;
  } finally {
    giveBack();
  }
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
    onEndAsked((signal) => {
      // A terminal sends Ctrl-C to the whole group: forwarding it would reach the server twice, and the second one
      // means "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) signalAll(signal);
    });
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
