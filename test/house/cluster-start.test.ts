import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { VARIABLES } from '../../services/config-variables.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { healthyNodes } from '../support/cluster.ts';
import { freePort, isFreePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';
import { isReady, ROOT } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

/** The first start also builds, and makes a database. */
const START_DEADLINE_MS = 300_000;
/** A node drains for at most 30 s, and the databases end after it. */
const STOP_DEADLINE_MS = 60_000;
const MINUTES = 60_000;

/** The first of so many ports in a row that are free. */
async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = await freePort();
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const areFree = await Promise.all(ports.map(async (port) => port < 65_536 && (await isFreePort(port))));
    if (areFree.every((isFree) => isFree)) return ports;
  }
}

/** A folder that PostgreSQL's user can reach too, should we be root. */
function dataDirectory(): string {
  const folder = tempDirectory('cluster-data');
  chmodSync(folder, 0o755);
  return folder;
}

interface Settings {
  readonly port: number;
  readonly data: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** `npm run cluster -- <count>` or its script, with nothing of the surroundings' settings. */
function startCluster(command: 'npm' | 'script', count: number, settings: Settings): TestProcess {
  const script = join('scripts', 'cluster.mjs');
  const [program, args] =
    command === 'npm' ? ['npm', ['run', 'cluster', '--', String(count)]] : [process.execPath, [script, String(count)]];
  const unset = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, '']));
  const own = { PORT: String(settings.port), DATA_DIR: settings.data, LOG_LEVEL: 'warn', VITE_USE_CLUSTER: '' };
  const env = { ...process.env, ...unset, ...own, ...settings.env };
  return startProcess(program as string, args as string[], { cwd: ROOT, env, isGroup: true });
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`;

/** Waits for the addresses of all nodes, and until each sees all of them. */
async function untilTogether(program: TestProcess, ports: readonly number[]): Promise<void> {
  await waitFor('every address is printed', START_DEADLINE_MS, () => {
    if (!program.isRunning()) return true;
    return ports.every((port) => program.log().includes(`PeerLink node at http://localhost:${port}\n`));
  });
  if (!program.isRunning()) throw new Error(`it ended\n${program.log()}`);
  await waitFor('every node sees all', START_DEADLINE_MS, async () => {
    const views = await Promise.all(ports.map((port) => healthyNodes({ url: urlOf(port) })));
    return views.every((seen) => seen.length === ports.length);
  });
}

/** The port of the PostgreSQL that it started, by its own line. */
function postgresPortOf(program: TestProcess): number {
  const match = /PostgreSQL \d+ at 127\.0\.0\.1:(\d+)/.exec(program.log());
  return Number(match?.[1]);
}

/** The node that was started with this port. */
function pidOf(port: number): number {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const pids = lines
    .filter((line) => line.includes(join('dist', 'services', 'main.js')))
    .map((line) => parseInt(line, 10));
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`PORT=${port}`));
  if (found === undefined) throw new Error(`no node runs at port ${port}`);
  return found;
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((done) => server.listen(port, () => done(server)));
}

describe('npm run cluster', () => {
  it(
    'starts nodes that serve each other’s files, says which one died, ends all, and keeps the data',
    async () => {
      const data = dataDirectory();
      const ports = await freePorts(3);
      const [first = 0, second = 0, third = 0] = ports;
      const bytes = Buffer.alloc(3_000_000, 'several nodes are one service\n');

      const program = startCluster('npm', 3, { port: first, data });
      let postgresPort = 0;
      let link = '';
      try {
        await untilTogether(program, ports);
        postgresPort = postgresPortOf(program);
        const put = await fetch(`${urlOf(first)}/notes.txt`, { method: 'PUT', body: bytes });
        expect(put.status).toBe(201);
        link = new URL((await put.text()).trim()).pathname;
        for (const port of ports) {
          const got = await fetch(`${urlOf(port)}${link}`);
          expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
        }
        process.kill(pidOf(third), 'SIGKILL');
        await waitFor('the death is said', 10_000, () => program.log().includes(`the node at port ${third} has ended`));
        expect(program.log()).toContain(`${first}, ${second} still running`);
      } finally {
        // To npm alone, as a supervisor does it: it has to reach what npm started.
        program.child.kill('SIGTERM');
        await program.exited(STOP_DEADLINE_MS);
      }
      await waitFor('all has ended', STOP_DEADLINE_MS, async () => {
        const free = await Promise.all([...ports, postgresPort].map(isFreePort));
        return free.every((isFree) => isFree);
      });

      const again = startCluster('script', 1, { port: first, data });
      try {
        await untilTogether(again, [first]);
        const got = await fetch(`${urlOf(first)}${link}`);
        expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
      } finally {
        again.child.kill('SIGTERM');
      }
      expect(await again.exited(STOP_DEADLINE_MS)).toEqual({ code: 0, signal: null });
    },
    8 * MINUTES,
  );

  it(
    'uses the PostgreSQL and the Redis of the environment, and starts none',
    async () => {
      const [postgres, redis] = await Promise.all([startPostgres(), startRedis({ password: 'only for this test' })]);
      const data = dataDirectory();
      const [port = 0] = await freePorts(1);
      const env = {
        DATABASE_URL: await postgres.createDatabase(),
        REDIS_HOST: redis.host,
        REDIS_PORT: String(redis.port),
        REDIS_PASSWORD: 'only for this test',
      };
      const program = startCluster('script', 1, { port, data, env });
      try {
        await untilTogether(program, [port]);
        const connections = String(await redis.command('CLIENT', 'LIST'))
          .trim()
          .split('\n');
        expect(connections.length).toBeGreaterThan(1);
        expect(existsSync(join(data, 'cluster', 'postgres'))).toBe(false);
        expect(existsSync(join(data, 'cluster', 'redis'))).toBe(false);
      } finally {
        program.child.kill('SIGTERM');
      }
      expect(await program.exited(STOP_DEADLINE_MS)).toEqual({ code: 0, signal: null });
    },
    8 * MINUTES,
  );

  it('says which ports are taken before it starts anything', async () => {
    const data = dataDirectory();
    const [first = 0, second = 0] = await freePorts(3);
    const holder = await listen(second);
    try {
      const program = startCluster('script', 3, { port: first, data });
      expect((await program.exited(30_000)).code).toBe(1);
      expect(program.log()).toContain(`port ${second} is taken`);
      expect(existsSync(join(data, 'cluster'))).toBe(false);
    } finally {
      holder.close();
    }
  }, 60_000);

  it(
    'says what is wrong with the settings once, and ends',
    async () => {
      const data = dataDirectory();
      const [first = 0] = await freePorts(3);
      const program = startCluster('script', 3, { port: first, data, env: { MAX_FILE_SIZE: 'much' } });
      expect((await program.exited(START_DEADLINE_MS)).code).toBe(1);
      expect(program.log().match(/MAX_FILE_SIZE must be/g)).toHaveLength(1);
      expect(await isReady(urlOf(first))).toBe(false);
    },
    8 * MINUTES,
  );
});
