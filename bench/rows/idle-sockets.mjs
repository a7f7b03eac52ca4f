// What 2,000 people who only look cost in memory.

import { round } from '../lib/measure.mjs';
import { startClient, waitFor } from '../lib/processes.mjs';

const MIB = 1024 * 1024;
const COUNT = 2000;
const SETTLE_MS = 3_000;
const ATTEMPTS = 3;

const allOpen = (client) =>
  Promise.race([waitFor('all sockets are open', 120_000, () => client.said().includes('opened')), client.result]);

/** What the memory of a fresh server had grown by once all were there. */
async function growthMib(servers) {
  const peerLink = await servers.peerLink('idle');
  // A few first, so that what is loaded at the first connection is not counted.
  const cookie = await peerLink.sessionCookie();
  const first = startClient('idle-sockets.mjs', { port: peerLink.port, cookie, count: 100 });
  await allOpen(first);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const before = await peerLink.server.settledRssBytes();
  const client = startClient('idle-sockets.mjs', { port: peerLink.port, cookie, count: COUNT });
  await allOpen(client);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const grownMib = round(((await peerLink.server.settledRssBytes()) - before) / MIB, 1);
  for (const held of [first, client]) held.assertRunning();
  await client.stop();
  await first.stop();
  await peerLink.server.stop();
  return grownMib;
}

export async function idleSockets({ servers, say, bar }) {
  say(`${COUNT} idle sockets`);
  let grownMib = await growthMib(servers);
  // The start's own garbage was given back between the two looks: that says nothing of sockets.
  for (let attempt = 2; grownMib < 0 && attempt <= ATTEMPTS; attempt += 1) {
    say(`  ${grownMib} MiB: the server had not settled before; once more`);
    grownMib = await growthMib(servers);
  }
  if (grownMib < 0) throw new Error(`the memory before the sockets did not settle in ${ATTEMPTS} tries`);
  bar(`${COUNT} idle sockets, MiB`, grownMib, { atMost: 64 });
  return { 'idle sockets': { count: COUNT, grownMib } };
}
