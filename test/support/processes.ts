import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { atEnd } from './cleanup.ts';
import { waitFor, within } from './waiting.ts';

/** How a process ended: exactly one of the two is not null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the test's own: everything it prints is kept, and it is killed when the test file ends. */
export interface TestProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Standard output and error so far, in the order they came; the newest megabyte. */
  log(): string;
  isRunning(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it (and its group, when it leads one) has ended; rejects with its log past the deadline. */
  exited(deadlineMs: number): Promise<Exit>;
  /** SIGKILL, and waits for the end. */
  kill9(): Promise<void>;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Its children too end with it: it leads a process group, and signals go to all of it. */
  readonly isGroup?: boolean;
}

const KEPT_LOG_CHARACTERS = 1024 * 1024;
const KILL_DEADLINE_MS = 5_000;

/** Starts a program without a shell and without standard input. */
export function startProcess(command: string, args: readonly string[], options: ProcessOptions = {}): TestProcess {
  const { cwd, env = process.env, isGroup = false } = options;
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: isGroup });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      log = (log + piece).slice(-KEPT_LOG_CHARACTERS);
    });
  }
  let ended: Exit | undefined;
  const ending = once(child, 'exit').then(([code, signal]): Exit => {
    ended = { code, signal };
    return ended;
  });
  ending.catch((fault: Error) => {
    log += `\n${command}: ${fault.message}`;
  });

  const signal = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(isGroup ? -child.pid : child.pid, name);
    } catch (fault) {
      // It has ended meanwhile: that is what a signal is for.
      if ((fault as NodeJS.ErrnoException).code !== 'ESRCH') throw fault;
    }
  };
  const isGroupAlive = (): boolean => {
    try {
      return isGroup && child.pid !== undefined && process.kill(-child.pid, 0);
    } catch {
      return false; // ESRCH: its last member is gone.
    }
  };
  const exited = async (deadlineMs: number): Promise<Exit> => {
    try {
      const exit = await within(`the end of ${command} ${args.join(' ')}`, deadlineMs, ending);
      await waitFor(`the end of what ${command} started`, deadlineMs, () => !isGroupAlive());
      return exit;
    } catch (fault) {
      throw new Error(`${(fault as Error).message}\n${log}`, { cause: fault });
    }
  };
  const kill9 = async (): Promise<void> => {
    signal('SIGKILL');
    if (child.pid !== undefined && (ended === undefined || isGroupAlive())) await exited(KILL_DEADLINE_MS);
  };
  atEnd(kill9);
  return {
    get pid() {
      if (child.pid === undefined) throw new Error(`${command} did not start\n${log}`);
      return child.pid;
    },
    child,
    log: () => log,
    isRunning: () => ended === undefined && child.pid !== undefined,
    signal,
    exited,
    kill9,
  };
}
