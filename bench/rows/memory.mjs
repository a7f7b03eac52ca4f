// VmRSS sampled four times a second: the most during a large transfer, less what it was after one of 256 MiB.
import { round } from '../lib/measure.mjs';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const SAMPLE_MS = 250;

async function mostDuring(server, work) {
  let most = server.rssBytes();
  const timer = setInterval(() => {
    most = Math.max(most, server.rssBytes());
  }, SAMPLE_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(most, server.rssBytes());
}

async function passThrough(peerLink, sizeBytes) {
  const transfer = await peerLink.open(sizeBytes);
  await peerLink.put(transfer, sizeBytes);
  await peerLink.get(transfer);
  await peerLink.remove(transfer);
}

export async function memory({ servers, settings, say, bar }) {
  const sizeBytes = (process.env.TEST_LONG === 'true' ? 10 : settings.isQuick ? 1 : 2) * GIB;
  say(`memory over ${sizeBytes / GIB} GiB up and down`);
  const peerLink = await servers.peerLink('memory');
  await passThrough(peerLink, 256 * MIB);
  const before = peerLink.server.rssBytes();
  const most = await mostDuring(peerLink.server, () => passThrough(peerLink, sizeBytes));
  const grownMib = round((most - before) / MIB, 1);
  bar(`memory over ${sizeBytes / GIB} GiB, MiB`, grownMib, { atMost: 64 });
  await peerLink.server.stop();
  return { memory: { transferGib: sizeBytes / GIB, afterWarmUpMib: round(before / MIB, 0), grownMib } };
}
