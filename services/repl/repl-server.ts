import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { start } from 'node:repl';
import type { ServiceBroker } from 'moleculer';
import type { ConsoleCommands } from './console-commands.ts';

/** More consoles at once are a mistake. */
const MAX_SESSIONS = 8;

export function replSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'repl.sock');
}

export interface ReplServer {
  close(): Promise<void>;
}

/**
 * A console on the running process: a UNIX socket that only this user can open. `directory` is taken, so a socket
 * that is there already was left by a process that is dead.
 */
export async function serveRepl(broker: ServiceBroker, directory: string): Promise<ReplServer> {
  const path = replSocketPath(directory);
  await rm(path, { force: true });
  // Moleculer's commands are loaded by the first session: they would slow every start.
  let loading: Promise<ConsoleCommands> | undefined;
  const load = () => {
    loading ??= import('./console-commands.ts').then(({ createConsoleCommands }) => createConsoleCommands(broker));
    return loading;
  };
  const sessions = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (sessions.size >= MAX_SESSIONS) {
      socket.end(`Only ${MAX_SESSIONS} consoles at once.\n`);
      return;
    }
    sessions.add(socket);
    socket.once('close', () => sessions.delete(socket));
    load().then(
      (commands) => openSession(socket, commands),
      (fault: unknown) => socket.end(`${String(fault)}\n`),
    );
  });
  // The folder is 0700 already; the socket itself says so too.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of sessions) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
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
