import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { setPriority, constants as system } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the tree that these scripts belong to. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Says one line about the set-up, on standard error: standard output belongs to the program that is started. */
export function say(line) {
  process.stderr.write(`peerlink: ${line}\n`);
}

/** A set-up step that cannot go on: its message is all that a person needs to see. */
export class SetupError extends Error {
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }
}

/** What `run` has started and what has not ended yet: how each is sent a signal. */
const running = new Set();
let isEnding = false;

/** Asks every program that `run` has started to end, and lets it start no other one. */
export function endPrograms() {
  isEnding = true;
  for (const signal of running) signal('SIGTERM');
}

/** @throws SetupError after endPrograms */
export function assertNotEnding() {
  if (isEnding) throw new SetupError('ended before everything was done');
}

/**
 * Runs a program to its end without a shell.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, isQuiet?: boolean, isYielding?: boolean, isGroup?: boolean, timeoutMs?: number }} [options]
 *   isQuiet: its output is collected and returned instead of shown; isYielding: it and what it starts compute only when
 *   nobody else wants to; isGroup: it ends together with what it starts. A terminal's Ctrl-C does not reach it then: only for
 *   those who call endPrograms
 * @returns {Promise<{ code: number, output: string }>} code 127 when it could not be started, 128 when a signal ended it
 */
export async function run(command, args, options = {}) {
  const { cwd = ROOT, env = process.env, isQuiet = false, isYielding = false, isGroup = false, timeoutMs } = options;
  assertNotEnding();
  return await new Promise((done) => {
    // Standard output goes to standard error too: a step's chatter is not the answer of the script that ran it.
    const stdio = ['ignore', isQuiet ? 'pipe' : 2, isQuiet ? 'pipe' : 2];
    const child = spawn(command, args, { cwd, env, stdio, detached: isGroup });
    const signal = (name) => (isGroup ? signalGroup(child, name) : child.kill(name));
    running.add(signal);
    if (isYielding && child.pid !== undefined) setPriority(child.pid, system.priority.PRIORITY_LOW);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => signal('SIGKILL'), timeoutMs);
    let output = '';
    const collect = (piece) => {
      output += piece;
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    child.on('error', (fault) => {
      running.delete(signal);
      clearTimeout(timer);
      done({ code: 127, output: `${output}${fault.message}\n` });
    });
    child.on('close', (code) => {
      running.delete(signal);
      clearTimeout(timer);
      done({ code: code ?? 128, output });
    });
  });
}

/** To a program that leads a group, and to all that it has started. */
function signalGroup(child, name) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (fault) {
    if (fault.code !== 'ESRCH') throw fault; // All have ended: that is what a signal is for.
  }
}

/** Runs one of our own Node scripts or a package's JavaScript program. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/** Runs npm: the very one that started us, when one did. Other programs that run scripts name themselves there too. */
export function runNpm(args, options) {
  const npmProgram = process.env.npm_execpath;
  return npmProgram?.endsWith('npm-cli.js') ? runNode([npmProgram, ...args], options) : run('npm', args, options);
}

/** The first of these programs that the PATH (or one of the extra folders) has, as an absolute path. */
export function findProgram(names, extraFolders = []) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...extraFolders].filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here: the next folder may have it, and the caller says what it means when none does.
      }
    }
  }
  return undefined;
}

/** Runs a script's main function; a SetupError, and what the system refuses (EACCES, ENOSPC), become one line and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (fault) {
    // The system's own faults name a path: a stack would only hide it.
    if (!(fault instanceof SetupError) && fault?.syscall === undefined) throw fault;
    say(fault.message);
    process.exitCode = 1;
  }
}
