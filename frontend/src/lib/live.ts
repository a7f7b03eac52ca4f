/** The page's one socket. */
import { config } from '../config/env.ts';
import { OWN } from '../transfer-engine/node-choice.ts';
import { uploads } from '../transfer-engine/uploads.ts';
import { type ControlSocket, LiveConnection } from './live-connection.ts';
import { LivePlaces } from './live-places.ts';
import { session } from './session.ts';

const places = new LivePlaces();

/** The library comes when a socket is wanted for the first time. */
async function loadSockets(): Promise<(address: string) => ControlSocket> {
  const { io } = await import('socket.io-client');
  return (address) => {
    const options = {
      path: '/socket.io',
      transports: ['websocket'],
      // Each address gets a connection of its own, which ends with its socket.
      forceNew: true,
      reconnectionDelay: config.socketReconnectionDelayMs,
      reconnectionDelayMax: config.socketReconnectionDelayMaxMs,
      reconnectionAttempts: places.hasOthers() ? 1 : config.socketReconnectionAttempts,
      // The cookie is for the page's own origin only; elsewhere a ticket says who this is.
      ...(address === OWN ? {} : { auth: (done: (auth: object) => void) => void places.auth().then(done) }),
    };
    const url = address === OWN ? config.socketUrl : address;
    return url === '' ? io(options) : io(url, options);
  };
}

export const live = new LiveConnection({
  session,
  places,
  load: loadSockets,
  heardCluster: (cluster) => uploads.heardCluster(cluster),
});
