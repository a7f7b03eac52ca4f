import { type AddressInfo, createServer, type Server } from 'node:net';
import { PeerLinkError } from './contracts/errors.ts';

/** So that a machine without memory for sockets does not flood the log as well. */
const TELL_FAULTS_EVERY_MS = 60_000;

/**
 * Resolves to the port, which the system chooses for 0. @throws unavailable with a sentence for the operator
 * @param onFault told of connections that the system could not give, once a minute: the port stays open, and who was not let in
 *   tries again. Without a listener Node would end the process, and with it everybody who is in.
 */
export function listenOn(server: Server, port: number, onFault: (fault: unknown) => void): Promise<number> {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const tell = (fault: unknown) => {
    if (performance.now() - toldAtMs < TELL_FAULTS_EVERY_MS) return;
    toldAtMs = performance.now();
    onFault(fault);
  };
  return new Promise((resolve, reject) => {
    const refuse = ({ code, message }: NodeJS.ErrnoException) => {
      const reason = code === 'EADDRINUSE' ? 'is in use' : code === 'EACCES' ? 'needs more rights' : message;
      reject(new PeerLinkError('unavailable', `port ${port} ${reason}; set PORT to another one`));
    };
    server.once('error', refuse);
    server.listen(port, () => {
      server.off('error', refuse).on('error', tell);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Found out before the slow parts of a start rather than after them. */
export async function assertPortFree(port: number): Promise<void> {
  const probe = createServer();
  await listenOn(probe, port, () => undefined);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}
