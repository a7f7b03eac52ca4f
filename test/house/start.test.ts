import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { freePort } from '../support/ports.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { isReady, ROOT, startServer } from '../support/server.ts';
import { copyTree } from '../support/tree-copy.ts';
import { waitFor } from '../support/waiting.ts';

const FIRST_START_MS = 15_000;
const LATER_START_MS = 5_000;

const version = async (url: string) => (await (await fetch(`${url}/version`)).json()) as Record<string, never>;

/** `npm start` as a person types it, in any tree. */
function npmStart(root: string, port: number, dataDirectory: string, env: NodeJS.ProcessEnv = {}): TestProcess {
  return startProcess('npm', ['start'], {
    cwd: root,
    env: { ...process.env, NODE_ENV: undefined, PORT: String(port), DATA_DIR: dataDirectory, ...env },
    isGroup: true,
  });
}

async function untilReady(program: TestProcess, url: string, deadlineMs: number): Promise<number> {
  const startedAt = performance.now();
  await waitFor('/readyz answers 200', deadlineMs, async () => !program.isRunning() || (await isReady(url)));
  if (!program.isRunning()) throw new Error(`npm start ended\n${program.log()}`);
  return performance.now() - startedAt;
}

describe('npm start', () => {
  const dataDirectory = tempDirectory('data');
  let port = 0;
  let url = '';

  beforeAll(async () => {
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const first = npmStart(ROOT, port, dataDirectory);
    await untilReady(first, url, 300_000);
    first.signal('SIGTERM');
    await first.exited(35_000);
  }, 360_000);

  it('is ready within 5 s when all is built, also with NODE_ENV=production, and says where its data is', async () => {
    const program = npmStart(ROOT, port, dataDirectory, { NODE_ENV: 'production' });
    expect(await untilReady(program, url, 30_000)).toBeLessThan(LATER_START_MS);
    expect(program.log()).toContain(`http://localhost:${port}`);
    expect(program.log()).toContain(dataDirectory);
    program.signal('SIGTERM');
    await program.exited(35_000);
  }, 90_000);

  it('hands SIGTERM to the server, which ends well', async () => {
    const program = startProcess(process.execPath, ['scripts/start.mjs'], {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: undefined, PORT: String(port), DATA_DIR: dataDirectory },
    });
    await untilReady(program, url, 30_000);
    program.signal('SIGTERM');
    expect(await program.exited(35_000)).toEqual({ code: 0, signal: null });
    expect(await isReady(url)).toBe(false);
  }, 90_000);

  it('ends with the fault of a server that cannot start', async () => {
    const program = npmStart(ROOT, port, dataDirectory, { MAX_FILE_SIZE: 'much' });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toContain('MAX_FILE_SIZE');
  }, 60_000);
});

describe('the server', () => {
  it('is ready within 15 s on an empty data directory, and within 5 s from then on', async () => {
    const first = await startServer();
    expect(first.readyAfterMs).toBeLessThan(FIRST_START_MS);
    await first.stop();
    const second = await startServer({ dataDirectory: first.dataDirectory });
    expect(second.readyAfterMs).toBeLessThan(LATER_START_MS);
    await second.stop();
  }, 120_000);

  it('runs on the native addon, and says so with its version', async () => {
    const server = await startServer();
    expect(await version(server.url)).toMatchObject({ version: '2.0.0', native: { implementation: 'native' } });
    await server.stop();
  }, 90_000);
});

describe('without a compiler', () => {
  it('a clone starts on the fallback, and says so', async () => {
    const programs = tempDirectory('path');
    for (const name of ['node', 'npm', 'sh', 'env', 'make', 'python3']) {
      const found = (process.env.PATH ?? '').split(':').map((folder) => join(folder, name));
      symlinkSync(found.find((path) => existsSync(path)) ?? name, join(programs, name));
    }
    const root = copyTree();
    const dataDirectory = join(root, 'data');
    mkdirSync(dataDirectory);
    const port = await freePort();
    const program = npmStart(root, port, dataDirectory, { PATH: programs, CC: undefined, CXX: undefined });
    const url = `http://127.0.0.1:${port}`;
    await untilReady(program, url, 120_000);
    expect(await version(url)).toMatchObject({ native: { implementation: 'fallback', kernel: 'typescript' } });
    expect(program.log()).toMatch(/no C\+\+ compiler/);
    expect(program.log()).toMatch(/TypeScript fallback/);
    program.signal('SIGTERM');
    await program.exited(35_000);
  }, 240_000);
});
