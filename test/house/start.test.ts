import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { freePort } from '../support/ports.ts';
import { type Exit, startProcess } from '../support/processes.ts';
import { isReady, ROOT, startServer } from '../support/server.ts';
import { copyTree } from '../support/tree-copy.ts';
import { waitFor } from '../support/waiting.ts';

const FIRST_START_MS = 15_000;
const LATER_START_MS = 5_000;
/** A promise about the product is not broken by something else that ran meanwhile: the best of so many counts. */
const TRIES = 3;

const versionOf = async (url: string) => (await (await fetch(`${url}/version`)).json()) as Record<string, never>;

interface StartOptions {
  readonly root?: string;
  readonly dataDirectory?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** npm itself without, as a person types it. */
  readonly script?: string;
  readonly deadlineMs?: number;
  /** It ends by a signal to every process of its group; without, by one to the first alone. */
  readonly isGroup?: boolean;
}
interface Started {
  readonly url: string;
  readonly port: number;
  readonly readyAfterMs: number;
  log(): string;
}

/** Starts the product from a tree, hands it over once it is ready, and ends it with SIGTERM whatever happened. */
async function withStarted(options: StartOptions, body: (started: Started) => Promise<void>): Promise<Exit> {
  const { root = ROOT, dataDirectory = tempDirectory('data'), env = {}, script, deadlineMs = 60_000 } = options;
  const { isGroup = false } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [command, args] = script === undefined ? ['npm', ['start']] : [process.execPath, [script]];
  const startedAt = performance.now();
  const program = startProcess(command, args, {
    cwd: root,
    env: { ...process.env, NODE_ENV: undefined, PORT: String(port), DATA_DIR: dataDirectory, ...env },
    isGroup: true,
  });
  try {
    await waitFor('/readyz answers 200', deadlineMs, async () => !program.isRunning() || (await isReady(url)));
    if (!program.isRunning()) throw new Error(`it ended\n${program.log()}`);
    await body({ url, port, readyAfterMs: performance.now() - startedAt, log: () => program.log() });
  } finally {
    // To npm alone it has to reach the server through npm's shell and the script.
    if (isGroup) program.signal('SIGTERM');
    else program.child.kill('SIGTERM');
  }
  return await program.exited(35_000);
}

/** The shortest of a few measured times, taken only until one is short enough. */
async function fastest(limitMs: number, measure: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < TRIES && best >= limitMs; round += 1) best = Math.min(best, await measure());
  return best;
}

describe('npm start', () => {
  const dataDirectory = tempDirectory('data');
  beforeAll(async () => {
    await withStarted({ dataDirectory, deadlineMs: 300_000 }, async () => undefined);
  }, 360_000);

  it('is ready within 5 s when all is built, also with NODE_ENV=production', async () => {
    const best = await fastest(LATER_START_MS, async () => {
      let readyAfterMs = 0;
      await withStarted({ dataDirectory, env: { NODE_ENV: 'production' } }, async (started) => {
        readyAfterMs = started.readyAfterMs;
      });
      return readyAfterMs;
    });
    expect(best).toBeLessThan(LATER_START_MS);
  }, 300_000);

  it('says in one line where it serves and where its data is', async () => {
    await withStarted({ dataDirectory }, async ({ port, log }) => {
      const line = await waitFor('its line', 5_000, () => log().match(/^PeerLink .*$/m)?.[0]);
      expect(line).toContain(`http://localhost:${port}`);
      expect(line).toContain(dataDirectory);
      // Nothing is asked of a service before it is there: the bus would warn of it at each start.
      expect(log().match(/^.*"module":"broker".*$/gm)).toBeNull();
    });
  }, 120_000);

  it('hands SIGTERM to the server, which ends well', async () => {
    let url = '';
    const exit = await withStarted({ dataDirectory, script: 'scripts/start.mjs' }, async (started) => {
      url = started.url;
    });
    expect(exit).toEqual({ code: 0, signal: null });
    expect(await isReady(url)).toBe(false);
  }, 120_000);

  it('takes a signal to its whole group, passed on by each, for one', async () => {
    const exit = await withStarted(
      { dataDirectory, script: 'scripts/start.mjs', isGroup: true },
      async () => undefined,
    );
    expect(exit).toEqual({ code: 0, signal: null });
  }, 120_000);

  it('ends with the fault of a server that cannot start', async () => {
    const program = startProcess('npm', ['start'], { cwd: ROOT, env: { ...process.env, MAX_FILE_SIZE: 'much' } });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toContain('MAX_FILE_SIZE');
  }, 60_000);
});

describe('the server', () => {
  it('is ready within 15 s on an empty data directory', async () => {
    const best = await fastest(FIRST_START_MS, async () => {
      const server = await startServer({ isFirstStart: true });
      await server.stop();
      return server.readyAfterMs;
    });
    expect(best).toBeLessThan(FIRST_START_MS);
  }, 300_000);

  it('runs on the native addon, and says so with its version', async () => {
    const server = await startServer();
    expect(await versionOf(server.url)).toMatchObject({ version: '2.0.0', native: { implementation: 'native' } });
    await server.stop();
  }, 120_000);
});

describe('without a compiler', () => {
  it('a clone starts on the fallback, and says so', async () => {
    const programs = tempDirectory('path');
    const folders = (process.env.PATH ?? '').split(':');
    for (const name of ['node', 'npm', 'sh', 'env', 'make', 'python3', 'flock']) {
      const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
      if (found !== undefined) symlinkSync(found, join(programs, name));
    }
    const root = copyTree();
    const env = { PATH: programs, CC: undefined, CXX: undefined };
    await withStarted({ root, dataDirectory: join(root, 'data'), env, deadlineMs: 180_000 }, async ({ url, log }) => {
      expect(await versionOf(url)).toMatchObject({ native: { implementation: 'fallback', kernel: 'typescript' } });
      expect(log()).toMatch(/no C\+\+ compiler/);
      expect(log()).toMatch(/TypeScript fallback/);
    });
  }, 300_000);
});
