// The Socket.IO door against a bare Socket.IO server.
import { figuresOf, interleave, median, ratioOf } from '../lib/measure.mjs';
import { runClient } from '../lib/processes.mjs';
import { putBody, remove } from '../lib/servers.mjs';
import { peerLinkTurn } from './upload.mjs';

const MIB = 1024 * 1024;
const DOOR = { chunkBytes: MIB, windowChunks: 6 };
/** Where a bare server was fastest on several machines; the best of them counts. */
const BEST = [
  { chunkBytes: MIB, windowChunks: 16 },
  { chunkBytes: 4 * MIB, windowChunks: 4 },
];

export async function socketDoor({ servers, peerLink, bare: bareHttp, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  const bare = await servers.bareSocket();
  const nameOf = ({ chunkBytes, windowChunks }) => `bare Socket.IO, ${chunkBytes / MIB} MiB x ${windowChunks}`;
  const bareTurn = (shape) => ({
    name: nameOf(shape),
    server: bare.server,
    run: () => runClient('socket.mjs', { door: 'bare', port: bare.port, name: 'socket.bin', sizeBytes, ...shape }),
  });
  const cookie = await peerLink.sessionCookie();
  say('Socket.IO');
  const samples = await interleave(
    [
      peerLinkTurn('PeerLink, Socket.IO, 1 MiB x 6', peerLink, sizeBytes, (transfer) =>
        peerLink.sendOverSocket(transfer, sizeBytes, { ...DOOR, cookie }),
      ),
      bareTurn(DOOR),
      ...BEST.map(bareTurn),
      peerLinkTurn('PeerLink, HTTP, one body', peerLink, sizeBytes, (transfer) => peerLink.put(transfer, sizeBytes)),
      {
        name: 'bare Node, HTTP, one body',
        server: bareHttp.server,
        run: () => putBody(bareHttp.port, '/upload.bin', sizeBytes),
        after: () => remove(bareHttp.port, '/upload.bin'),
      },
    ],
    Math.max(3, rounds - 2),
    say,
  );
  await bare.server.stop();
  const best = [DOOR, ...BEST]
    .map(nameOf)
    .sort((a, b) => median(samples.get(b).mibPerSecond) - median(samples.get(a).mibPerSecond))[0];
  bar(
    'Socket.IO door of bare Socket.IO, 1 MiB x 6',
    ratioOf(samples, 'PeerLink, Socket.IO, 1 MiB x 6', nameOf(DOOR)),
    0.8,
  );
  bar(
    `HTTP upload of bare Socket.IO at its best (${best})`,
    ratioOf(samples, 'PeerLink, HTTP, one body', best),
    2,
    undefined,
    ratioOf(samples, 'bare Node, HTTP, one body', best),
  );
  return { 'Socket.IO': figuresOf(samples) };
}
