import { Console } from 'node:console';
import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import type { ServiceBroker } from 'moleculer';
import { autocompleteHandler } from 'moleculer-repl/src/autocomplete';
import registerCommands from 'moleculer-repl/src/commands';
import { type Call, typedCall } from '../define-service.ts';
import { PEERLINK_COMMANDS, PEERLINK_USAGE, runPeerlink } from './peerlink-commands.ts';

/** The part of commander's Command that we use; the package is moleculer-repl's own. */
interface Program {
  command(name: string): { description(text: string): unknown };
  exitOverride(): Program;
  allowUnknownOption(isAllowed: boolean): Program;
  showHelpAfterError(isShown: boolean): Program;
  configureOutput(output: { writeOut: (text: string) => void; writeErr: (text: string) => void }): Program;
  parseAsync(args: readonly string[]): Promise<unknown>;
  readonly commands: readonly { name(): string }[];
}

/** Commands of Moleculer's REPL and our own, run one at a time with what they print sent to whoever asked. */
export interface ConsoleCommands {
  /** Never throws: what went wrong is printed. */
  run(line: string, output: Writable): Promise<void>;
  /** When every command so far has been run. */
  settled(): Promise<void>;
  complete(line: string): [string[], string];
}

/** They would end the server, or draw on its own terminal. */
const NOT_HERE = new Set(['quit', 'exit', 'q', 'cls']);
const CONSOLE_METHODS = ['log', 'info', 'warn', 'error', 'debug', 'table', 'dir'] as const;

export function createConsoleCommands(broker: ServiceBroker): ConsoleCommands {
  const { Command } = createRequire(require.resolve('moleculer-repl'))('commander') as { Command: new () => Program };
  const program = new Command().exitOverride().allowUnknownOption(true).showHelpAfterError(true);
  registerCommands(program, broker);
  const call = typedCall(broker);
  // Run apart from commander; there so that `help` and the tabulator know it.
  program.command('peerlink').description(`PeerLink's own: ${PEERLINK_USAGE}`);
  let last: Promise<void> = Promise.resolve();

  return {
    run(line, output) {
      // One at a time: the commands print to the process's console, which is lent to one session after the other.
      last = last.then(() => (isOurs(line) ? runOurs(call, line, output) : runOne(program, line, output)));
      return last;
    },
    settled: () => last,
    complete: (line) => (isOurs(line) ? completeOurs(line) : autocompleteHandler(line, broker, program)),
  };
}

const isOurs = (line: string): boolean => /^\s*peerlink(\s|$)/.test(line);

async function runOurs(call: Call, line: string, output: Writable): Promise<void> {
  try {
    for (const text of await runPeerlink(call, splitWords(line).slice(1))) output.write(`${text}\n`);
  } catch (fault) {
    output.write(`${fault instanceof Error ? fault.message : String(fault)}\n`);
  }
}

function completeOurs(line: string): [string[], string] {
  const lines = PEERLINK_COMMANDS.map((command) => `peerlink ${command}`);
  const meant = lines.filter((known) => known.startsWith(line));
  return [meant.length > 0 ? meant : lines, line];
}

async function runOne(program: Program, line: string, output: Writable): Promise<void> {
  const words = splitWords(line);
  const name = words[0];
  if (name === undefined) return;
  if (NOT_HERE.has(name)) {
    output.write(`"${name}" is not available here.\n`);
    return;
  }
  const write = (text: string) => void output.write(text);
  program.configureOutput({ writeOut: write, writeErr: write });
  const giveBack = lendConsole(output);
  try {
    await program.parseAsync(['node', 'peerlink', ...words]);
  } catch (fault) {
    // Commander has printed its own faults (codes `commander.…`) already.
    const { code } = fault as { code?: unknown };
    if (!String(code).startsWith('commander.')) write(`${fault instanceof Error ? fault.message : String(fault)}\n`);
  } finally {
    giveBack();
  }
}

function lendConsole(output: Writable): () => void {
  const lent = new Console({ stdout: output, stderr: output });
  const own = Object.fromEntries(CONSOLE_METHODS.map((method) => [method, console[method]]));
  for (const method of CONSOLE_METHODS) console[method] = lent[method].bind(lent) as Console['log'];
  return () => {
    Object.assign(console, own);
  };
}

/** Words of a line as a shell would split them: quotes group, a backslash takes the next character as it is. */
function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    words.push(match[0].replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, unquoted));
  }
  return words;
}

function unquoted(_match: string, double?: string, single?: string, escaped?: string): string {
  return double?.replace(/\\(.)/g, '$1') ?? single ?? escaped ?? '';
}
