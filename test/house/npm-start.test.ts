import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { withStarted } from '../support/npm-start.ts';
import { startProcess } from '../support/processes.ts';
import { isReady, ROOT } from '../support/server.ts';
import { copyTree } from '../support/tree-copy.ts';
import { waitFor } from '../support/waiting.ts';

const versionOf = async (url: string) => (await (await fetch(`${url}/version`)).json()) as Record<string, never>;

describe('npm start', () => {
  const dataDirectory = tempDirectory('data');

  it('says in one line where it serves and where its data is, and runs on the native addon', async () => {
    // The first start of this tree may have to build it.
    await withStarted({ dataDirectory, deadlineMs: 300_000 }, async ({ url, port, log }) => {
      const line = await waitFor('its line', 5_000, () => log().match(/^PeerLink .*$/m)?.[0]);
      expect(line).toContain(`http://localhost:${port}`);
      expect(line).toContain(dataDirectory);
      // Nothing is asked of a service before it is there: the bus would warn of it at each start.
      expect(log().match(/^.*"module":"broker".*$/gm)).toBeNull();
      expect(await versionOf(url)).toMatchObject({ version: '2.0.0', native: { implementation: 'native' } });
    });
  }, 360_000);

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
