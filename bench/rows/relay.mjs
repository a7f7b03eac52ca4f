// A reader that waits while the sender sends: through PeerLink, and through a bare Node relay that keeps a copy too.
import { figuresOf, interleave, ratioOf } from '../lib/measure.mjs';
import { runClient } from '../lib/processes.mjs';
import { remove } from '../lib/servers.mjs';
import { peerLinkTurn } from './upload.mjs';

export async function relay({ peerLink, bare, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  const path = '/relay/relay.bin';
  say('live relay');
  const samples = await interleave(
    [
      peerLinkTurn('PeerLink, hashed and stored', peerLink, sizeBytes, (transfer) =>
        peerLink.relay(transfer, sizeBytes),
      ),
      {
        name: 'bare Node relay, stored',
        server: bare.server,
        run: () =>
          runClient('raw-http.mjs', {
            kind: 'relay',
            port: bare.port,
            getPath: `${path}?size=${sizeBytes}`,
            putPath: path,
            headers: {},
            sizeBytes,
          }),
        after: () => remove(bare.port, '/relay.bin'),
      },
    ],
    rounds,
    say,
  );
  bar(
    'live relay of a bare Node relay',
    ratioOf(samples, 'PeerLink, hashed and stored', 'bare Node relay, stored'),
    0.8,
    0.9,
  );
  return { 'live relay': figuresOf(samples) };
}
