import type { Duplex } from 'node:stream';
import { CHUNK_PATH, CONTROL_PATH } from '../contracts/socket.ts';
import type { SocketServer } from './chunk-socket.ts';

/** How long a refused upgrade may take to read its answer. */
const REFUSAL_LINGER_MS = 1_000;

type Door = Pick<SocketServer, 'upgrade'>;

export interface UpgradeDoors {
  readonly control: Door;
  readonly chunks: Door;
  /** See ListenerDeps: then nobody stands behind the doors. */
  readonly isForPeersOnly: boolean;
}

/** Which door a WebSocket goes through. Whoever finds none is answered, and not waited for. */
export function upgradeRouter({ control, chunks, isForPeersOnly }: UpgradeDoors): Door['upgrade'] {
  return (req, socket, head) => {
    socket.on('error', () => socket.destroy());
    const path = isForPeersOnly ? undefined : req.url?.split('?', 1)[0];
    try {
      if (path === `${CONTROL_PATH}/`) control.upgrade(req, socket, head);
      else if (path === `${CHUNK_PATH}/`) chunks.upgrade(req, socket, head);
      else refuse(socket, '404 Not Found');
    } catch {
      refuse(socket, '400 Bad Request');
    }
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // After an upgrade Node's time-outs are off, and the other side may never close: it is not waited for.
  setTimeout(() => socket.destroy(), REFUSAL_LINGER_MS).unref();
}
