import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import { CHUNK_PATH, CONTROL_PATH } from '../contracts/socket.ts';
import type { SocketServer } from './chunk-socket.ts';
import { refuseOnSocket } from './socket-refusal.ts';

type Door = Pick<SocketServer, 'upgrade'>;

export interface UpgradeDoors {
  readonly control: Door;
  readonly chunks: Door;
  /** See ListenerDeps: then nobody stands behind the doors. */
  readonly isForPeersOnly: boolean;
  /** By its Origin. */
  readonly isOriginAllowed: (req: IncomingMessage) => boolean;
}

/** Which door a WebSocket goes through. Whoever finds none is answered, and not waited for. */
export function upgradeRouter(doors: UpgradeDoors): Door['upgrade'] {
  return (req, socket, head) => {
    socket.on('error', () => socket.destroy());
    try {
      doorOf(doors, req).upgrade(req, socket, head);
    } catch (fault) {
      const isOurs = fault instanceof PeerLinkError;
      refuseOnSocket(socket, isOurs ? fault : new PeerLinkError('bad_request', 'The request cannot be read.'));
    }
  };
}

/** @throws not_found, bad_origin, bad_request: what Engine.IO itself would answer is no problem of ours, but a page of text */
function doorOf({ control, chunks, isForPeersOnly, isOriginAllowed }: UpgradeDoors, req: IncomingMessage): Door {
  const [path, search = ''] = (req.url ?? '').split(/\?(.*)/s, 2);
  const door = path === `${CONTROL_PATH}/` ? control : path === `${CHUNK_PATH}/` ? chunks : null;
  if (door === null || isForPeersOnly) throw new PeerLinkError('not_found', 'There is nothing at this address.');
  if (!isOriginAllowed(req)) {
    throw new PeerLinkError(
      'bad_origin',
      "Pages of this origin may not connect. If it is PeerLink's own page, set PUBLIC_URL; if another's, list its origin in CORS_ORIGIN.",
    );
  }
  const query = new URLSearchParams(search);
  if (query.get('EIO') !== '4' || query.get('transport') !== 'websocket' || query.has('sid')) {
    throw new PeerLinkError('bad_request', 'Connect as Socket.IO 4 does by WebSocket: EIO=4, transport=websocket.');
  }
  return door;
}
