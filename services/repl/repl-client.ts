import { connect } from 'node:net';

/**
 * Connects this terminal to the console of the process that has the data directory.
 * @returns false when no process answers there; otherwise resolves to true when the console is left
 */
export function attachRepl(
  socketPath: string,
  terminal: { input: NodeJS.ReadStream; output: NodeJS.WriteStream },
): Promise<boolean> {
  const { input, output } = terminal;
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
      // The keys go over as they are pressed: the other side edits the line.
      if (input.isTTY) input.setRawMode(true);
      input.pipe(socket);
      socket.pipe(output, { end: false });
    });
    socket.once('error', (fault: NodeJS.ErrnoException) => {
      if (!isConnected && (fault.code === 'ENOENT' || fault.code === 'ECONNREFUSED')) resolve(false);
      else if (!isConnected) reject(fault);
    });
    socket.once('close', () => {
      if (!isConnected) return;
      if (input.isTTY) input.setRawMode(false);
      input.unpipe(socket);
      input.pause();
      resolve(true);
    });
  });
}
