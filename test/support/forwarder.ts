import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { atEnd } from './cleanup.ts';

/** Stands at one address and passes connections on to a port of 127.0.0.1. */
export interface Forwarder {
  readonly port: number;
  connectionCount(): number;
  /** Bytes that came from those who connected. */
  receivedBytes(): number;
  /** Ends it with all its connections; whoever connects later is refused. */
  close(): Promise<void>;
}

/** Starts it. @param port 0 lets the system choose */
export async function startForwarder(address: string, port: number, targetPort: number): Promise<Forwarder> {
  const open = new Set<Socket>();
  let connections = 0;
  let received = 0;
  const server = createServer((client) => {
    connections += 1;
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    }
    client.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
    const ignore = () => undefined;
    pipeline(client, target, ignore);
    pipeline(target, client, ignore);
  });
  server.listen(port, address);
  await once(server, 'listening');
  const close = async () => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  atEnd(close);
  return {
    port: (server.address() as { port: number }).port,
    connectionCount: () => connections,
    receivedBytes: () => received,
    close,
  };
}
