// What hashing costs: the same composition of the engine with a net_io that hashes and one that does not.
import { figuresOf, interleave, ratioOf } from '../lib/measure.mjs';
import { peerLinkTurn } from './upload.mjs';

export async function hashing({ servers, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  const on = await servers.engine('on');
  const off = await servers.engine('off');
  say('upload with hashing on and off');
  const upload = await interleave(
    [
      peerLinkTurn('hashing on', on, sizeBytes, (transfer) => on.put(transfer, sizeBytes)),
      peerLinkTurn('hashing off', off, sizeBytes, (transfer) => off.put(transfer, sizeBytes)),
    ],
    rounds,
    say,
  );
  bar('upload with hashing, of the same without', ratioOf(upload, 'hashing on', 'hashing off'), 0.85);

  const files = new Map();
  for (const peer of [on, off]) {
    const transfer = await peer.open(sizeBytes);
    await peer.put(transfer, sizeBytes);
    files.set(peer, transfer);
  }
  say('download with hashing on and off');
  const download = await interleave(
    [
      { name: 'hashing on', server: on.server, run: () => on.get(files.get(on)) },
      { name: 'hashing off', server: off.server, run: () => off.get(files.get(off)) },
    ],
    rounds,
    say,
  );
  bar('download with hashing, of the same without', ratioOf(download, 'hashing on', 'hashing off'), 0.9);
  await on.server.stop();
  await off.server.stop();
  return { 'upload, hashing': figuresOf(upload), 'download, hashing': figuresOf(download) };
}
