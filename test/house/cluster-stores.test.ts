import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { isFreePort } from '../support/ports.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/waiting.ts';
import { ROOT } from './tree.ts';

const START_MS = 60_000;

/** PostgreSQL as `npm run cluster` starts it on the folder, until SIGTERM. */
function startOwnPostgres(folder: string): TestProcess {
  const program = `
    import { once } from 'node:events';
    import { startPostgres } from './scripts/cluster/postgres.mjs';
    import { main } from './scripts/setup/process.mjs';
    await main(async () => {
      const { url, stop } = await startPostgres(${JSON.stringify(folder)}, 'a-word');
      const asked = once(process, 'SIGTERM');
      console.log('serves ' + new URL(url).port);
      await asked;
      await stop();
    });`;
  return startProcess(process.execPath, ['--input-type=module', '-e', program], { cwd: ROOT, isGroup: true });
}

async function portOf(program: TestProcess): Promise<number> {
  await waitFor('it serves', START_MS, () => !program.isRunning() || program.log().includes('serves'));
  const match = /serves (\d+)/.exec(program.log());
  if (match === null) throw new Error(`it ended\n${program.log()}`);
  return Number(match[1]);
}

describe('the turn on a folder', () => {
  it('is one of two that start at the same moment, also after one that was killed', async () => {
    const folder = tempDirectory('turn');
    const program = `
      import { takeFolder } from './scripts/cluster/turn.mjs';
      import { main } from './scripts/setup/process.mjs';
      await main(async () => {
        const take = () => takeFolder(${JSON.stringify(folder)});
        const taken = await Promise.allSettled([take(), take(), take()]);
        console.log(taken.map(({ status, reason }) => reason?.message ?? status).join('\\n'));
        process.kill(process.pid, 'SIGKILL');
      });`;
    for (let start = 0; start < 2; start += 1) {
      const started = startProcess(process.execPath, ['--input-type=module', '-e', program], { cwd: ROOT });
      await started.exited(START_MS);
      const lines = started.log().trim().split('\n').sort();
      expect(lines).toEqual([
        expect.stringMatching(/^another cluster runs on /),
        expect.stringMatching(/^another cluster runs on /),
        'fulfilled',
      ]);
    }
  }, 120_000);
});

describe('the PostgreSQL that npm run cluster starts', () => {
  it('is not taken from a cluster that runs, but from one that was killed', async () => {
    const folder = tempDirectory('stores');
    chmodSync(folder, 0o755);
    const first = startOwnPostgres(folder);
    const isRefused = async () => {
      const second = startOwnPostgres(folder);
      expect((await second.exited(START_MS)).code).toBe(1);
      expect(second.log()).toMatch(/^peerlink: another cluster runs on [^\n]*DATA_DIR[^\n]*\n$/);
    };
    // While the first one still makes its data, too.
    const made = ['data.new', 'data'].map((name) => join(folder, 'postgres', name));
    await waitFor('it has begun', START_MS, () => made.some((path) => existsSync(path)));
    await isRefused();
    const port = await portOf(first);
    await isRefused();
    expect(await isFreePort(port)).toBe(false);

    first.child.kill('SIGKILL');
    await waitFor('it has ended', START_MS, () => !first.isRunning());
    const third = startOwnPostgres(folder);
    await portOf(third);
    expect(await isFreePort(port)).toBe(true);
    third.child.kill('SIGTERM');
    expect((await third.exited(START_MS)).code).toBe(0);
  }, 180_000);

  it('is started anew where the making of its data was cut short', async () => {
    const folder = tempDirectory('stores');
    chmodSync(folder, 0o755);
    const halfMade = join(folder, 'postgres', 'data.new');
    mkdirSync(halfMade, { recursive: true });
    writeFileSync(join(halfMade, 'PG_VERSION'), '15\n');
    const program = startOwnPostgres(folder);
    await portOf(program);
    expect(existsSync(halfMade)).toBe(false);
    program.child.kill('SIGTERM');
    expect((await program.exited(START_MS)).code).toBe(0);
  }, 120_000);

  it('never loses its data to a folder that its user cannot reach any more', async () => {
    // Only root can come through to what is in it.
    const folder = tempDirectory('stores');
    const version = join(folder, 'postgres', 'data', 'PG_VERSION');
    mkdirSync(join(folder, 'postgres', 'data'), { recursive: true });
    // No program of this machine would read it, whoever runs this.
    writeFileSync(version, '1\n');
    const program = startOwnPostgres(folder);
    expect((await program.exited(START_MS)).code).toBe(1);
    expect(program.log()).toMatch(/^peerlink: [^\n]*postgres[^\n]*\n$/);
    expect(readFileSync(version, 'utf8')).toBe('1\n');
  }, 120_000);
});
