import type { IncomingMessage } from 'node:http';
import { MAX_SOCKET_BACKLOG_AT_ONCE_BYTES, MAX_SOCKET_BACKLOG_BYTES } from '../contracts/limits.ts';

/** So long a slow line may be behind; what it was told before is then no news any more. */
const PATIENCE_MS = 30_000;

/** What this needs of Socket.IO's server, some of which its types keep to themselves. */
interface Sockets {
  of(namespace: '/'): { readonly sockets: ReadonlyMap<string, { readonly conn: unknown }> };
}
interface Connection {
  readonly request: IncomingMessage;
  /** Packets behind those that the transport was given last. */
  readonly writeBuffer: readonly { readonly data?: unknown }[];
  close(): unknown;
}

/**
 * A client that answers pings and reads nothing else is never found dead, and Socket.IO keeps whatever it is told. It is cut:
 * a page that only slept comes back by itself and asks for everything anew.
 */
export class SocketBacklog {
  readonly #nowMs: () => number;
  readonly #behindSinceMs = new WeakMap<Connection, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** To be called once a second. @returns how many were cut */
  look(io: Sockets): number {
    let cutCount = 0;
    for (const { conn } of [...io.of('/').sockets.values()]) {
      const connection = conn as Connection;
      if (!this.#isTooFarBehind(connection)) continue;
      cutCount += 1;
      connection.close();
      connection.request.socket.destroy();
    }
    return cutCount;
  }

  #isTooFarBehind(connection: Connection): boolean {
    const waitingBytes = connection.writeBuffer.reduce((sum, { data }) => sum + sizeOf(data), 0);
    if (waitingBytes <= MAX_SOCKET_BACKLOG_BYTES) {
      this.#behindSinceMs.delete(connection);
      return false;
    }
    const sinceMs = this.#behindSinceMs.get(connection) ?? this.#nowMs();
    this.#behindSinceMs.set(connection, sinceMs);
    return waitingBytes > MAX_SOCKET_BACKLOG_AT_ONCE_BYTES || this.#nowMs() - sinceMs >= PATIENCE_MS;
  }
}

/** Most texts are ASCII; how many bytes the others have is not worth counting once a second. */
function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  return data instanceof Uint8Array ? data.length : 0;
}
