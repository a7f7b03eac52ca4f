// One body, parallel runs, tus, WebDAV. Every upload makes a new file and its removal is not timed: tmpfs gives each
// contender pages in the same state.
import { figuresOf, interleave, ratioOf } from '../lib/measure.mjs';
import { runClient } from '../lib/processes.mjs';
import { putBody, putRuns, remove } from '../lib/servers.mjs';
import { sourceFile } from '../lib/source.mjs';

/** PeerLink's turn in an upload row: opening and removing are not timed. */
export function peerLinkTurn(name, peerLink, sizeBytes, send) {
  let transfer = null;
  return {
    name,
    server: peerLink.server,
    run: async () => {
      transfer = await peerLink.open(sizeBytes);
      return await send(transfer);
    },
    after: async () => {
      const { state } = await peerLink.status(transfer);
      if (state !== 'sealed') throw new Error(`after ${name} the transfer is ${state}`);
      await peerLink.remove(transfer);
    },
  };
}

export async function uploads({ servers, peerLink, bare, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  const nginx = await servers.nginx(servers.place('dav'));
  const tus = await servers.tus();
  const sourcePath = await sourceFile(servers, sizeBytes);
  let tusUrl = null;

  say('upload, one body');
  const one = await interleave(
    [
      peerLinkTurn('PeerLink, hashed', peerLink, sizeBytes, (transfer) => peerLink.put(transfer, sizeBytes)),
      {
        name: 'bare Node, coalesced writev',
        server: bare.server,
        run: () => putBody(bare.port, '/upload.bin', sizeBytes),
        after: () => remove(bare.port, '/upload.bin'),
      },
      {
        name: 'nginx, WebDAV PUT',
        server: nginx.server,
        run: () => putBody(nginx.port, '/upload.bin', sizeBytes),
        after: () => remove(nginx.port, '/upload.bin'),
      },
      {
        name: '@tus/server, tus-js-client',
        server: tus.server,
        run: async () => {
          const result = await runClient('tus.mjs', { port: tus.port, sourcePath });
          tusUrl = result.url;
          return result;
        },
        after: async () => {
          await fetch(tusUrl, { method: 'DELETE', headers: { 'tus-resumable': '1.0.0' } });
        },
      },
    ],
    rounds,
    say,
  );
  bar('HTTP upload of bare Node, one body', ratioOf(one, 'PeerLink, hashed', 'bare Node, coalesced writev'), 0.8, 0.85);
  const reach = (name, other, least) =>
    bar(
      name,
      ratioOf(one, 'PeerLink, hashed', other),
      least,
      undefined,
      ratioOf(one, 'bare Node, coalesced writev', other),
    );
  reach('HTTP upload of nginx WebDAV', 'nginx, WebDAV PUT', 1);
  reach('HTTP upload of @tus/server', '@tus/server, tus-js-client', 3);
  await nginx.server.stop();
  await tus.server.stop();

  say('upload, runs of 8 MiB, 6 at once');
  const runs = await interleave(
    [
      peerLinkTurn('PeerLink, hashed', peerLink, sizeBytes, (transfer) => peerLink.putRuns(transfer, sizeBytes)),
      {
        name: 'bare Node, coalesced writev',
        server: bare.server,
        run: () => putRuns(bare.port, '/upload.bin', sizeBytes),
        after: () => remove(bare.port, '/upload.bin'),
      },
    ],
    rounds,
    say,
  );
  bar('HTTP upload of bare Node, runs', ratioOf(runs, 'PeerLink, hashed', 'bare Node, coalesced writev'), 0.8, 0.85);
  return { 'upload, one body': figuresOf(one), 'upload, runs of 8 MiB, 6 at once': figuresOf(runs) };
}
