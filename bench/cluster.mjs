// npm run bench:cluster [-- --quick] [--only=upload,...]: nodes of one cluster with a real PostgreSQL and Redis, beside
// bare chains of the same shape, interleaved in one run, on a tmpfs. Results go to bench/results/cluster.{json,md} (a
// quick or partial run only prints).
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStores } from '../scripts/cluster/stores.mjs';
import { readArguments } from './lib/arguments.mjs';
import { collectBars } from './lib/bars.mjs';
import { installContenders } from './lib/install.mjs';
import { describeMachine } from './lib/machine.mjs';
import { touchPages } from './lib/pages.mjs';
import { endOnSignals, stopAll, waitFor } from './lib/processes.mjs';
import { writeResults } from './lib/results.mjs';
import { Servers, showLogs } from './lib/servers.mjs';
import { download, latency, loopDelay, relay, slowReader, upload } from './rows/cluster.mjs';

const MIB = 1024 * 1024;
const ROWS = { download, upload, relay, latency, 'loop-delay': loopDelay, memory: slowReader };

const { isQuick, only, isRecorded } = readArguments(Object.keys(ROWS));
const settings = { sizeBytes: (isQuick ? 256 : 1024) * MIB, rounds: isQuick ? 3 : 5, isQuick };
const say = (line) => console.log(line);
const { bars, bar } = collectBars(say);
const failed = [];
const figures = {};

await installContenders();
const dist = process.env.PEERLINK_BENCH_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
const folder = mkdtempSync(join('/dev/shm', 'peerlink-bench-cluster-'));
// PostgreSQL runs as another user, who must reach its folder.
chmodSync(folder, 0o711);
const stopping = new AbortController();
const startedMs = Date.now();
let stores = null;
endOnSignals(end);

async function end() {
  stopping.abort();
  await stopAll();
  await stores?.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Four nodes: a home, two others that reach it with and without obfuscation, and a home that replicates. */
async function startNodes(servers, env) {
  const node = (name, own) => servers.peerLink(name, { ...env, ...own });
  // The first one makes the tables.
  const home = await node('home', {});
  const gate = await node('gate', {});
  const plainGate = await node('plain-gate', { STREAM_OBFUSCATION: 'false' });
  const safeHome = await node('safe-home', { REPLICATION_FACTOR: '2' });
  await waitFor('the nodes see each other', 30_000, async () => {
    const { nodes } = await (await fetch(`${home.origin}/api/cluster`)).json();
    return nodes.filter(({ state }) => state === 'healthy').length === 4;
  });
  return { home, gate, plainGate, safeHome };
}

try {
  const machine = describeMachine();
  say(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, Node ${machine.node}, commit ${machine.commit}`,
  );
  mkdirSync(join(folder, 'stores'), { mode: 0o711 });
  stores = await startStores(join(folder, 'stores'), stopping.signal);
  await touchPages(folder, 4 * settings.sizeBytes);
  const servers = new Servers(folder, dist);
  const env = {
    ...stores.env,
    USE_CLUSTER: 'true',
    CLUSTER_SECRET: 'the secret of one bench run only',
    NODE_HOSTNAME: '127.0.0.1',
    REPLICATION_FACTOR: '1',
  };
  const nodes = await startNodes(servers, env);
  const bare = await servers.bareHttp();
  const forwarder = await servers.forwarder(bare.port);
  const redis = { port: env.REDIS_PORT, password: env.REDIS_PASSWORD };
  for (const name of only) {
    try {
      Object.assign(figures, await ROWS[name]({ servers, nodes, bare, forwarder, redis, settings, say, bar }));
    } catch (fault) {
      // One row that cannot be measured is told at the end and takes nothing from the others.
      failed.push({ row: name, why: String(fault) });
      say(`  FAILED ${name}: ${fault.stack}`);
    }
  }
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  const missed = bars.filter(({ isMet }) => !isMet);
  say(`${bars.length - missed.length} of ${bars.length} bars met, in ${seconds} s`);
  if (isRecorded)
    writeResults(
      { machine, settings, seconds, bars, figures, failed },
      { name: 'cluster', title: 'A cluster on one machine', command: 'npm run bench:cluster' },
    );
  if (failed.length > 0) process.exitCode = 1;
} catch (fault) {
  showLogs(folder, say);
  throw fault;
} finally {
  await end();
}
