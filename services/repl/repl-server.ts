import { join } from 'node:path';
import { start } from 'node:repl';
import type { Readable, Writable } from 'node:stream';
import type { ServiceBroker } from 'moleculer';
import type { ConsoleCommands } from './console-commands.ts';
import { listenPrivately, type PrivateSocket } from './private-socket.ts';

/** More consoles at once are a mistake. */
const MAX_SESSIONS = 8;

export function replSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'repl.sock');
}

/** A console on the running process: a UNIX socket that only this user can open. */
export function serveRepl(broker: ServiceBroker, directory: string): Promise<PrivateSocket> {
  // Moleculer's commands are loaded by the first session: they would slow every start.
  let loading: Promise<ConsoleCommands> | undefined;
  const load = () => {
    loading ??= import('./console-commands.ts').then(({ createConsoleCommands }) => createConsoleCommands(broker));
    return loading;
  };
  const options = { atOnce: MAX_SESSIONS, refusal: `Only ${MAX_SESSIONS} consoles at once.\n` };
  return listenPrivately(replSocketPath(directory), options, (socket) => {
    load().then(
      (commands) =>
        openSession(commands, { input: socket, output: socket, isTerminal: true, end: () => void socket.end() }),
      (fault: unknown) => socket.end(`${String(fault)}\n`),
    );
  });
}

export interface ReplTerminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Lines are edited by the keys that come in. */
  readonly isTerminal: boolean;
  /** The console was left, and every command has been run. */
  end(): void;
}

export function openSession(commands: ConsoleCommands, { input, output, isTerminal, end }: ReplTerminal): void {
  const session = start({
    prompt: 'peerlink $ ',
    input,
    output,
    terminal: isTerminal,
    useColors: false,
    ignoreUndefined: true,
    completer: (line: string) => commands.complete(line),
    eval: (line, _context, _file, done) => {
      if (/^\s*(quit|exit|q)\s*$/.test(line)) {
        void commands.settled().then(end);
        return;
      }
      void commands.run(line, output).then(() => done(null, undefined));
    },
  });
  session.on('exit', () => void commands.settled().then(end));
}
