import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { atEnd } from './cleanup.ts';
import { waitFor } from './waiting.ts';

/** Of its own, far above what a start of Node takes beside two other suites. */
const SAID_DEADLINE_MS = 20_000;

/** A program on a terminal of its own, as a person sits before it. */
export interface Terminal {
  /** Presses the keys of a line and Enter; what the screen said before is put away. */
  type(line: string): void;
  /** Waits until what it said since the last line matches; resolves to that text, without what moves the cursor. */
  says(pattern: RegExp, deadlineMs?: number): Promise<string>;
  /** Resolves to the program's code once it has ended. */
  ended(): Promise<number | null>;
}

/** Started by `script`, which is part of every Debian; the command goes through a shell. */
export function openTerminal(command: string, env: NodeJS.ProcessEnv): Terminal {
  const child = spawn(
    'script',
    ['--quiet', '--return', '--flush', '--command', `stty cols 220; exec ${command}`, '/dev/null'],
    {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    },
  );
  const exited = once(child, 'exit') as Promise<[number | null]>;
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  atEnd(async () => {
    // Its group, so that the program ends with the terminal.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await exited;
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor begins with one.
  const plain = () => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '');
  return {
    type(line) {
      text = '';
      child.stdin.write(`${line}\r`);
    },
    says: (pattern, deadlineMs = SAID_DEADLINE_MS) =>
      waitFor(`the terminal says ${pattern}`, deadlineMs, () => (pattern.test(plain()) ? plain() : null)).catch(
        (fault: Error) => {
          throw new Error(`${fault.message}; it said: ${plain().slice(-2_000)}`);
        },
      ),
    ended: async () => (await exited)[0],
  };
}
