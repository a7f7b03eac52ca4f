import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';

export interface PrivateSocket {
  /** Cuts who is connected. */
  close(): Promise<void>;
}

/**
 * Listens on a UNIX socket that only this user can open. The folder is taken by this process, so a socket that is there
 * already was left by one that is dead.
 * @param options.atOnce more connections are refused, with `refusal` as their only text
 */
export async function listenPrivately(
  path: string,
  options: { readonly atOnce: number; readonly refusal: string },
  onConnection: (socket: Socket) => void,
): Promise<PrivateSocket> {
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (sockets.size >= options.atOnce) {
      socket.end(options.refusal);
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  // The folder is 0700 already; the socket is made 0600.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
