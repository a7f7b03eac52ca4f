// How soon a committed chunk is at a reader that waits for it.
import { quantile, round } from '../lib/measure.mjs';
import { runClient, startClient } from '../lib/processes.mjs';

const MIB = 1024 * 1024;
const OTHERS = 8;
const OTHER_BYTES = 256 * MIB;

async function measure(peerLink, chunkCount) {
  const chunkBytes = MIB;
  const transfer = await peerLink.open(chunkCount * chunkBytes);
  const { delaysMs } = await runClient('latency.mjs', {
    port: peerLink.port,
    path: transfer.path,
    readPath: transfer.readPath,
    headers: transfer.headers,
    chunkBytes,
    chunkCount,
  });
  await peerLink.remove(transfer);
  const figure = (share) => round(quantile(delaysMs, share), 2);
  return { chunks: chunkCount, p50Ms: figure(0.5), p95Ms: figure(0.95), p99Ms: figure(0.99), maxMs: figure(1) };
}

export async function latency({ peerLink, settings, say, bar }) {
  const chunkCount = settings.isQuick ? 200 : 1000;
  say('commit of a chunk to its delivery at a waiting reader');
  await measure(peerLink, 50);
  const alone = await measure(peerLink, chunkCount);
  bar('commit to delivery, alone, p95, ms', alone.p95Ms, { atMost: 50 });
  const others = Array.from({ length: OTHERS }, () =>
    startClient('load.mjs', { port: peerLink.port, sizeBytes: OTHER_BYTES }),
  );
  try {
    const ended = others.map(async ({ result }) => {
      await result;
      throw new Error('a load ended before the measurement');
    });
    const busy = await Promise.race([measure(peerLink, chunkCount), ...ended]);
    bar(`commit to delivery beside ${OTHERS} uploads, p95, ms`, busy.p95Ms, { atMost: 50 });
    return { 'commit to delivery': { alone, [`beside ${OTHERS} uploads`]: busy } };
  } finally {
    await Promise.all(others.map((other) => other.stop()));
  }
}
