// npm run bench [-- --quick] [--only=download,upload,...]: PeerLink and others, interleaved in one run, on a tmpfs.
// Results go to bench/results/one-node.{json,md} (a quick or partial run only prints).
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from './lib/arguments.mjs';
import { collectBars } from './lib/bars.mjs';
import { installContenders } from './lib/install.mjs';
import { describeMachine } from './lib/machine.mjs';
import { touchPages } from './lib/pages.mjs';
import { endOnSignals, stopAll } from './lib/processes.mjs';
import { writeResults } from './lib/results.mjs';
import { Servers, showLogs } from './lib/servers.mjs';
import { browserUpload } from './rows/browser.mjs';
import { downloads } from './rows/download.mjs';
import { hashing } from './rows/hashing.mjs';
import { idleSockets } from './rows/idle-sockets.mjs';
import { latency } from './rows/latency.mjs';
import { link } from './rows/link.mjs';
import { memory } from './rows/memory.mjs';
import { relay } from './rows/relay.mjs';
import { socketDoor } from './rows/socket.mjs';
import { uploads } from './rows/upload.mjs';

const MIB = 1024 * 1024;
const ROWS = {
  download: downloads,
  upload: uploads,
  hashing,
  relay,
  socket: socketDoor,
  browser: browserUpload,
  latency,
  link,
  'idle-sockets': idleSockets,
  memory,
};

const { isQuick, only, isRecorded } = readArguments(Object.keys(ROWS));
const settings = { sizeBytes: (isQuick ? 256 : 1024) * MIB, rounds: isQuick ? 3 : 5, isQuick };
const say = (line) => console.log(line);
const { bars, bar } = collectBars(say);
const failed = [];

await installContenders();
const dist = process.env.PEERLINK_BENCH_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
const folder = mkdtempSync(join('/dev/shm', 'peerlink-bench-'));
const startedMs = Date.now();
const figures = {};

async function end() {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}

endOnSignals(end);
try {
  const machine = describeMachine();
  say(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, Node ${machine.node}, commit ${machine.commit}`,
  );
  await touchPages(folder, 4 * settings.sizeBytes);
  const servers = new Servers(folder, dist);
  const peerLink = await servers.peerLink();
  const bare = await servers.bareHttp();
  for (const name of only) {
    try {
      Object.assign(figures, await ROWS[name]({ servers, peerLink, bare, settings, say, bar, folder }));
    } catch (fault) {
      // One row that cannot be measured is told at the end and takes nothing from the others.
      failed.push({ row: name, why: String(fault) });
      say(`  FAILED ${name}: ${fault.stack}`);
    }
  }
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  const missed = bars.filter(({ isMet }) => !isMet);
  say(`${bars.length - missed.length} of ${bars.length} bars met, in ${seconds} s`);
  if (isRecorded) writeResults({ machine, settings, seconds, bars, figures, failed });
  if (failed.length > 0) process.exitCode = 1;
} catch (fault) {
  showLogs(folder, say);
  throw fault;
} finally {
  await end();
}
