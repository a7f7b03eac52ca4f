import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const READY_DEADLINE_MS = 120_000;

/** The port that people know, when it is free. */
async function choosePort() {
  for (const wanted of [5000, 0]) {
    const server = createServer().listen(wanted, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue; // Taken.
    }
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}

/** The compiled server of this tree on a data directory of its own. */
export async function startServer(root, dataDirectory) {
  const port = await choosePort();
  // What is measured may be asked to run on another kernel than the best.
  const { PATH, HOME, PEERLINK_NATIVE_KERNEL } = process.env;
  const kernel = PEERLINK_NATIVE_KERNEL === undefined ? {} : { PEERLINK_NATIVE_KERNEL };
  const child = spawn(process.execPath, [join(root, 'dist', 'services', 'main.js')], {
    cwd: root,
    env: { PATH, HOME, ...kernel, PORT: String(port), DATA_DIR: dataDirectory, MAX_FILE_SIZE: '0', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://localhost:${port}`;
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error('the server did not become ready');
    }
    await delay(200);
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function isReady(url) {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
