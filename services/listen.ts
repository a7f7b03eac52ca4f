import { type AddressInfo, createServer, type Server } from 'node:net';
import { PeerLinkError } from './contracts/errors.ts';

/** Resolves to the port, which the system chooses for 0. @throws unavailable with a sentence for the operator */
export function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = ({ code, message }: NodeJS.ErrnoException) => {
      const reason = code === 'EADDRINUSE' ? 'is in use' : code === 'EACCES' ? 'needs more rights' : message;
      reject(new PeerLinkError('unavailable', `port ${port} ${reason}; set PORT to another one`));
    };
    server.once('error', refuse);
    server.listen(port, () => {
      server.off('error', refuse);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Found out before the slow parts of a start rather than after them. */
export async function assertPortFree(port: number): Promise<void> {
  const probe = createServer();
  await listenOn(probe, port);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}
