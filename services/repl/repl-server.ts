import type { Socket } from 'node:net';
import { join } from 'node:path';
import { start } from 'node:repl';
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
      (commands) => openSession(socket, commands),
      (fault: unknown) => socket.end(`${String(fault)}\n`),
    );
  });
}

function openSession(socket: Socket, commands: ConsoleCommands): void {
  const session = start({
    prompt: 'peerlink $ ',
    input: socket,
    output: socket,
    terminal: true,
    useColors: false,
    ignoreUndefined: true,
    completer: (line: string) => commands.complete(line),
    eval: (line, _context, _file, done) => {
      if (/^\s*(quit|exit|q)\s*$/.test(line)) {
        void commands.settled().then(() => socket.end());
        return;
      }
      void commands.run(line, socket).then(() => done(null, undefined));
    },
  });
  session.on('exit', () => socket.end());
}
