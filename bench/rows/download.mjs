// One and eight readers of a file that lies in the page cache.
import { figuresOf, interleave, median, ratioOf } from '../lib/measure.mjs';
import { getBody, putBody } from '../lib/servers.mjs';

export async function downloads({ servers, peerLink, bare, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  await putBody(bare.port, '/download.bin', sizeBytes);
  const transfer = await peerLink.open(sizeBytes);
  await peerLink.put(transfer, sizeBytes);
  const nginx = await servers.nginx(bare.directory);
  const express = await servers.express(bare.directory);
  const contenders = (count) => [
    { name: 'PeerLink, verified', server: peerLink.server, run: () => peerLink.get(transfer, count) },
    {
      name: 'nginx, sendfile',
      server: nginx.server,
      run: () => getBody(nginx.port, '/download.bin', sizeBytes, count),
    },
    {
      name: 'bare Node, read loop',
      server: bare.server,
      run: () => getBody(bare.port, '/download.bin', sizeBytes, count),
    },
  ];

  say('download, 1 stream');
  const one = await interleave(
    [
      ...contenders(1),
      { name: 'express.static', server: express.server, run: () => getBody(express.port, '/download.bin', sizeBytes) },
    ],
    rounds,
    say,
  );
  const reach = (name, samples, other, least, goal) =>
    bar(
      name,
      ratioOf(samples, 'PeerLink, verified', other),
      least,
      goal,
      ratioOf(samples, 'bare Node, read loop', other),
    );
  reach('download, 1 stream, of nginx with sendfile', one, 'nginx, sendfile', 0.9, 1.0);
  reach('download, 1 stream, of express.static', one, 'express.static', 3);
  await express.server.stop();

  say('download, 8 streams');
  // Only while it is PeerLink's turn: a loop that rests while others are measured is never late.
  const delaysMs = [];
  const [own, ...others] = contenders(8);
  const watched = async () => {
    const { result, delay } = await peerLink.server.loopDelayDuring(own.run);
    delaysMs.push(delay.p99Ms);
    return result;
  };
  const eight = await interleave([{ ...own, run: watched }, ...others], Math.max(3, rounds - 2), say);
  reach('download, 8 streams, of nginx with sendfile', eight, 'nginx, sendfile', 1.0, 1.3);
  bar('event loop delay while 8 streams are read, p99, ms', median(delaysMs), { atMost: 50 });

  await nginx.server.stop();
  await peerLink.remove(transfer);
  return { 'download, 1 stream': figuresOf(one), 'download, 8 streams': figuresOf(eight) };
}
