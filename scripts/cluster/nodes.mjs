import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, say } from '../setup/process.mjs';
import { startChild, stopChild } from './child.mjs';

const LOOK_EVERY_MS = 100;
const LOOK_TIMEOUT_MS = 2_000;
/** A node drains for at most 30 s. */
const STOP_DEADLINE_MS = 35_000;

/**
 * Starts the nodes, prints the address of each, and waits until all have ended.
 * @param {{ ports: readonly number[], folder: string, env: NodeJS.ProcessEnv, stopping: AbortSignal }} cluster
 * @returns {Promise<number>} the exit code: 0 when they ended because they were asked to
 */
export async function runNodes({ ports, folder, env, stopping }) {
  const running = new Set();
  const nodes = [];
  // Each signal goes on to the nodes: the first one drains them, and a second one means "at once" there too.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      for (const node of nodes) node.signal('SIGTERM');
    });
  }
  const start = (port) => {
    const node = startNode(port, folder, env);
    running.add(port);
    nodes.push(node);
    if (stopping.aborted) void stopChild(node, 'SIGTERM', STOP_DEADLINE_MS);
    else stopping.addEventListener('abort', () => void stopChild(node, 'SIGTERM', STOP_DEADLINE_MS), { once: true });
    void node.ended.then(({ code, signal }) => {
      running.delete(port);
      if (stopping.aborted && code === 0) return;
      const left = running.size === 0 ? 'no node is left' : `${[...running].join(', ')} still running`;
      say(`the node at port ${port} has ended (${signal ?? `exit code ${code}`}); ${left}`);
    });
    return node;
  };
  // The first one alone: it makes the tables, and what is wrong with the settings is said once.
  const [firstPort, ...otherPorts] = ports;
  if (await isServing(start(firstPort), firstPort)) {
    announce(firstPort);
    await Promise.all(
      otherPorts.map(async (port) => {
        if (await isServing(start(port), port)) announce(port);
      }),
    );
  }
  await Promise.all(nodes.map((node) => node.ended));
  return stopping.aborted ? 0 : 1;
}

function startNode(port, folder, env) {
  const settings = {
    ...process.env,
    // All members are on this machine, whatever its name resolves to.
    NODE_HOSTNAME: process.env.NODE_HOSTNAME || '127.0.0.1',
    // Browsers of this machine may go to the very node.
    NODE_PUBLIC_URL: `http://localhost:${port}`,
    // One value cannot hold for several nodes.
    NODE_PORT: '',
    NODE_PEER_URL: '',
    USE_CLUSTER: 'true',
    USE_REDIS: 'true',
    DATA_DIR: folder,
    PORT: String(port),
    ...env,
  };
  const args = [join('dist', 'services', 'main.js')];
  const options = { cwd: ROOT, env: settings };
  return startChild(`node ${port}`, { command: process.execPath, args, options }, linesWith(`${port} | `));
}

/** Prints whole lines, each with the node it is of. */
function linesWith(prefix) {
  let rest = '';
  return (piece) => {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) process.stderr.write(`${prefix}${line}\n`);
  };
}

/** True once it answers /readyz with 200; false when it ends before. A node that takes long says why itself. */
async function isServing(node, port) {
  while (node.isRunning()) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, {
      signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
    }).catch(() => null);
    if (answer?.status === 200) return true;
    await delay(LOOK_EVERY_MS);
  }
  return false;
}

/** On standard output, where a script can read it. */
function announce(port) {
  process.stdout.write(`PeerLink node at http://localhost:${port}\n`);
}
