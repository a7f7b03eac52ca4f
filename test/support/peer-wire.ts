import { once } from 'node:events';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { atEnd } from './cleanup.ts';

const MIB = 1024 ** 2;

export interface PeerWireOptions {
  readonly targetPort: number;
  /** Each way. */
  readonly delayMs?: number;
  /** Each way, for all connections together; without: as fast as it goes. */
  readonly bytesPerSecond?: number;
  /** Ends TLS here and goes on in the clear. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Sees everything that passes, in order of each connection and direction. */
  readonly onBytes?: (bytes: Buffer) => void;
}

/** The wire to the peer port of one node: a TCP proxy of the test. */
export interface PeerWire {
  readonly port: number;
  openCount(): number;
  /** Bytes that passed, both ways. */
  passedBytes(): number;
}

/** When the next bytes of one direction may leave: those of all connections share the rate. */
interface Lane {
  freeAtMs: number;
}

export async function startPeerWire(options: PeerWireOptions): Promise<PeerWire> {
  const { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = options;
  const sockets = new Set<Socket>();
  let openCount = 0;
  let passedBytes = 0;
  const lanes: readonly [Lane, Lane] = [{ freeAtMs: 0 }, { freeAtMs: 0 }];
  // What fits on the wire, and some more: then the sender waits, as on a real one.
  const heldBytes = Number.isFinite(bytesPerSecond) ? (bytesPerSecond * delayMs) / 1000 + MIB : 8 * MIB;

  const carry = (from: Socket, to: Socket, lane: Lane) => {
    let held = 0;
    // In order, whatever the timers do: one is set at a time, for what comes next.
    const coming: { readonly dueMs: number; readonly act: () => void }[] = [];
    const deliver = () => {
      for (let next = coming[0]; next !== undefined; next = coming[0]) {
        const waitMs = next.dueMs - performance.now();
        if (waitMs >= 1) {
          setTimeout(deliver, waitMs);
          return;
        }
        coming.shift();
        next.act();
      }
    };
    const later = (lengthBytes: number, act: () => void) => {
      lane.freeAtMs = Math.max(lane.freeAtMs, performance.now()) + (lengthBytes / bytesPerSecond) * 1000;
      coming.push({ dueMs: lane.freeAtMs + delayMs, act });
      if (coming.length === 1) deliver();
    };
    from.on('data', (bytes: Buffer) => {
      passedBytes += bytes.length;
      options.onBytes?.(bytes);
      held += bytes.length;
      if (held >= heldBytes) from.pause();
      later(bytes.length, () => {
        const release = () => {
          held -= bytes.length;
          if (held < heldBytes) from.resume();
        };
        if (to.destroyed) release();
        else to.write(bytes, release);
      });
    });
    from.on('end', () => later(0, () => to.end()));
    from.on('close', () => later(0, () => to.destroy()));
    from.on('error', () => undefined);
  };

  const onConnection = (client: Socket) => {
    openCount += 1;
    client.once('close', () => (openCount -= 1));
    const target = connect({ port: options.targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    carry(client, target, lanes[0]);
    carry(target, client, lanes[1]);
  };
  const server = options.tls === undefined ? createTcpServer(onConnection) : createTlsServer(options.tls, onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    port: (server.address() as { port: number }).port,
    openCount: () => openCount,
    passedBytes: () => passedBytes,
  };
}
