// npm run cluster -- 3: so many nodes on this machine, with PostgreSQL and Redis.
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { runNodes } from './cluster/nodes.mjs';
import { startStores } from './cluster/stores.mjs';
import { onEndAsked } from './setup/foreground.mjs';
import { main, ROOT, SetupError, say } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

const DEFAULT_COUNT = 3;
const MAX_COUNT = 16;
const DEFAULT_FIRST_PORT = 5000;

function readCount(text) {
  if (text === undefined) return DEFAULT_COUNT;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new SetupError(`usage: npm run cluster -- <number of nodes, 1 to ${MAX_COUNT}>`);
}

/** PORT is the first node's; the others follow. */
function portsOf(count) {
  const first = Number(process.env.PORT || DEFAULT_FIRST_PORT);
  if (!Number.isInteger(first) || first < 1 || first + count - 1 > 65_535)
    throw new SetupError(`PORT must leave room for ${count} ports from 1 to 65535, found "${process.env.PORT}"`);
  return Array.from({ length: count }, (_, index) => first + index);
}

async function isTaken(port) {
  const probe = createServer();
  try {
    probe.listen(port);
    await once(probe, 'listening');
    probe.close();
    await once(probe, 'close');
    return false;
  } catch (fault) {
    if (fault.code === 'EADDRINUSE') return true;
    throw new SetupError(`port ${port} cannot be used (${fault.code}): set PORT to another first port`);
  }
}

async function refuseTakenPorts(ports) {
  const taken = [];
  for (const port of ports) if (await isTaken(port)) taken.push(port);
  if (taken.length === 0) return;
  const what = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(', ')} are`;
  throw new SetupError(`${what} taken: stop what listens there, or set PORT to another first port (PORT=6000)`);
}

/** Aborted by the first signal; each later one goes to the nodes, where a second one means "at once". */
function untilSignalled() {
  const stopping = new AbortController();
  onEndAsked(() => stopping.abort());
  return stopping.signal;
}

await main(async () => {
  const count = readCount(process.argv[2]);
  const envFile = join(ROOT, '.env');
  if (existsSync(envFile)) process.loadEnvFile(envFile);
  const ports = portsOf(count);
  await refuseTakenPorts(ports);
  // The page then finds the other nodes, and goes on with them when one is gone.
  process.env.VITE_USE_CLUSTER ??= 'true';
  await setUp();
  // A folder of its own: the slots beside it belong to `npm start` and its embedded database.
  const folder = join(resolve(ROOT, process.env.DATA_DIR || 'data'), 'cluster');
  mkdirSync(folder, { recursive: true });
  // From here on a signal ends what was started, in order, instead of leaving it behind.
  const stopping = untilSignalled();
  const stores = await startStores(folder, stopping);
  try {
    if (stopping.aborted) return 0;
    for (const line of stores.lines) say(line);
    return await runNodes({ ports, folder, env: stores.env, stopping });
  } finally {
    await stores.stop();
  }
});
