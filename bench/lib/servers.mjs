// All contenders, each on a free loopback port, each with its files in a folder of its own on the same tmpfs.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nginxArguments } from '../contenders/nginx.mjs';
import { PeerLink } from './peerlink.mjs';
import { freePort, runClient, ServerProcess, waitFor } from './processes.mjs';

const CONTENDERS = fileURLToPath(new URL('../contenders/', import.meta.url));

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (does) => {
      socket.destroy();
      resolve(does);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** The end of what each server said; nothing when none was started. */
export function showLogs(folder, say) {
  const logs = join(folder, 'logs');
  if (!existsSync(logs)) return;
  for (const name of readdirSync(logs)) say(`--- ${name}\n${readFileSync(join(logs, name), 'utf8').slice(-2000)}`);
}

/** Starts programs below one folder, so that one removal cleans up after all. */
export class Servers {
  #folder;
  #dist;

  constructor(folder, dist) {
    this.#folder = folder;
    this.#dist = dist;
  }

  /** A folder for a server's files. */
  place(name) {
    const directory = join(this.#folder, name);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  #logPath(name) {
    return join(this.place('logs'), `${name}.log`);
  }

  async #program(name, directory, ...more) {
    const server = ServerProcess.node(name, [join(CONTENDERS, `${name}.mjs`), directory, ...more], {
      logPath: this.#logPath([name, ...more.slice(1)].join('-')),
    });
    return { server, port: await server.listeningPort(), directory };
  }

  bareHttp() {
    return this.#program('bare-http', this.place('bare'));
  }

  /** A bare node in front of another contender. */
  forwarder(peerPort) {
    return this.#program('forwarder', this.place('forwarder'), String(peerPort));
  }

  /** Two plain servers, the first of which pipes into the second; the reader waits at the second. */
  async pipeChain() {
    const back = await this.#program('pipe-chain', this.place('pipe-back'));
    const front = await this.#program('pipe-chain', this.place('pipe-front'), String(back.port));
    return { back, front };
  }

  socketRedis(name, redisPort, password) {
    return this.#program('socket-redis', this.place(name), String(redisPort), password, name);
  }

  bareSocket() {
    return this.#program('bare-socket', this.place('bare-socket'));
  }

  tus() {
    return this.#program('tus', this.place('tus'));
  }

  express(directory) {
    return this.#program('express-static', directory);
  }

  async nginx(directory) {
    const port = await freePort();
    const folder = this.place('nginx');
    const server = new ServerProcess('nginx', 'nginx', nginxArguments(folder, directory, port), {
      logPath: this.#logPath('nginx'),
    });
    await waitFor('nginx listens', 10_000, () => {
      server.assertRunning();
      return answers(port);
    });
    return { server, port, directory };
  }

  /** The engine alone, for the price of hashing. */
  async engine(hashing) {
    const started = await this.#program('engine', this.place(`engine-${hashing}`), this.#dist, hashing);
    return new PeerLink(started.server, started.port, started.directory);
  }

  /** The product: dist/services/main.js with its default settings, rates and counts aside. */
  async peerLink(name = 'peerlink', env = {}) {
    const port = await freePort();
    const directory = this.place(name);
    const server = ServerProcess.node(name, [join(this.#dist, 'services', 'main.js')], {
      logPath: this.#logPath(name),
      env: {
        PORT: String(port),
        DATA_DIR: directory,
        MAX_FILE_SIZE: '0',
        RATE_LIMIT_UPLOADS_PER_MINUTE: '1000000',
        RATE_LIMIT_DOWNLOADS_PER_MINUTE: '1000000',
        RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: '1000000',
        MAX_CONCURRENT_TRANSFERS: '1000',
        ...env,
      },
    });
    await waitFor('PeerLink is ready', 60_000, async () => {
      server.assertRunning();
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      return answer?.ok === true;
    });
    const version = await (await fetch(`http://127.0.0.1:${port}/version`)).json();
    if (JSON.stringify(version).includes('fallback')) {
      throw new Error(
        `net_io runs on its TypeScript fallback, which is not what is measured here: ${JSON.stringify(version)}`,
      );
    }
    return new PeerLink(server, port, directory);
  }
}

export const putBody = (port, path, sizeBytes, headers = {}) =>
  runClient('raw-http.mjs', { kind: 'put', port, path, sizeBytes, headers });
export const putRuns = (port, path, sizeBytes, headers = {}) =>
  runClient('raw-http.mjs', { kind: 'runs', port, path, sizeBytes, headers, runBytes: 8 * 1024 * 1024, count: 6 });
/** @param sizeBytes what each of the `count` bodies must have */
export const getBody = (port, path, sizeBytes, count = 1) =>
  runClient('raw-http.mjs', { kind: 'get', port, path, sizeBytes, count });

export async function remove(port, path) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'DELETE' });
  if (!answer.ok) throw new Error(`DELETE ${path} answered ${answer.status}`);
}
