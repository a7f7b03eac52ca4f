import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/waiting.ts';
import { ROOT } from './tree.ts';

const END_MS = 30_000;
const LOCK = join('dist', '.build', 'lock-000001');
const ADDON = join('native', 'build', 'Release', 'net_io.node');

/** The scripts of this tree in a folder of their own, without packages. */
function scriptsAlone(): string {
  const root = tempDirectory('scripts');
  for (const name of ['package.json', 'package-lock.json', 'scripts', 'native/scripts', 'native/binding.gyp']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  mkdirSync(join(root, 'native', 'src'));
  return root;
}

function write(root: string, name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}

/** Runs a piece of a script as one of the scripts does, its faults told as theirs are. */
function runPiece(root: string, text: string): TestProcess {
  const program = `import { main } from './scripts/setup/process.mjs'; ${text}`;
  return startProcess(process.execPath, ['--input-type=module', '-e', program], { cwd: root });
}

async function finished(program: TestProcess): Promise<{ readonly code: number | null; readonly log: string }> {
  const { code } = await program.exited(END_MS);
  return { code, log: program.log() };
}

/** What the lock says: the process that holds it, or nothing. Of its numbered files the last one counts. */
function holderOf(root: string): string {
  const folder = join(root, 'dist', '.build');
  const last = readdirSync(folder)
    .filter((name) => /^lock-\d+$/.test(name))
    .sort()
    .at(-1);
  if (last === undefined) throw new Error('there never was a lock');
  return readFileSync(join(folder, last), 'utf8');
}

describe('a step of the set-up', () => {
  const STEP = `
    import { readFileSync } from 'node:fs';
    import { hashInputs, unlessDone } from './scripts/setup/stamp.mjs';
    await main(() => unlessDone('step', hashInputs(['input']), ['made'], () => {
      const input = readFileSync('input', 'utf8');
      console.log('making ' + input);
      if (input === 'bad') throw new Error('it failed half-way');
    }));`;

  it('runs again on the inputs it last succeeded on when it has failed on others since', async () => {
    const root = scriptsAlone();
    write(root, 'made', '');
    for (const [input, said] of [
      ['good', 'making good'],
      ['good', ''],
      ['bad', 'making bad'],
      ['good', 'making good'],
      ['good', ''],
    ] as const) {
      write(root, 'input', input);
      expect((await finished(runPiece(root, STEP))).log.split('\n')[0]).toBe(said);
    }
  }, 60_000);

  it('builds an addon that is not of these sources, whatever its age says', async () => {
    const root = scriptsAlone();
    write(root, ADDON, 'of another machine');
    utimesSync(join(root, ADDON), new Date('2100-01-01'), new Date('2100-01-01'));
    const build = startProcess(process.execPath, [join('native', 'scripts', 'build.mjs')], {
      cwd: root,
      env: { PATH: tempDirectory('path') },
    });
    expect(await finished(build)).toEqual({ code: 1, log: expect.stringContaining('no C++ compiler') });
  }, 60_000);

  it('leaves no older addon behind when it cannot build: the fallback then runs, as it says', async () => {
    const root = scriptsAlone();
    write(root, ADDON, 'of other sources');
    write(root, join('native', 'scripts', 'build.mjs'), 'process.exit(1);');
    const piece = `import { buildAddon } from './scripts/setup/steps.mjs';
      await main(async () => { console.log(await buildAddon()); });`;
    const { log } = await finished(runPiece(root, piece));
    expect(log).toContain('TypeScript fallback');
    expect(log).toContain('false\n');
    expect(existsSync(join(root, ADDON))).toBe(false);
  }, 60_000);
});

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH.
  }
};

/** The id that a program has written down. */
function pidIn(path: string): Promise<number> {
  return waitFor(`${path} is there`, END_MS, () =>
    existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) || undefined : undefined,
  );
}

describe('a set-up that is told to end', () => {
  /** Started in a clone without packages, whose npm never comes to an end. */
  async function whileInstalling(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [root, programs] = [scriptsAlone(), tempDirectory('path')];
    const npm = join(programs, 'npm');
    writeFileSync(npm, `#!/bin/sh\necho $$ > "${join(root, 'npm.pid')}"\nexec sleep 600\n`);
    chmodSync(npm, 0o755);
    symlinkSync(process.execPath, join(programs, 'node'));
    const program = startProcess(command, args, { cwd: root, env: { PATH: `${programs}:/bin:/usr/bin`, ...env } });
    return { root, program, npmPid: await pidIn(join(root, 'npm.pid')) };
  }

  it('ends the step that runs, starts no server, and leaves no lock', async () => {
    const { root, program, npmPid } = await whileInstalling(process.execPath, [join('scripts', 'start.mjs')]);
    program.signal('SIGTERM');
    expect((await program.exited(END_MS)).code).toBe(1);
    await waitFor('npm has ended', END_MS, () => !isAlive(npmPid));
    expect(holderOf(root)).toBe('');
  }, 60_000);

  it('does the same when the npm that started it has ended', async () => {
    const script = 'node scripts/start.mjs & echo $! > start.pid; wait';
    const env = { npm_lifecycle_event: 'start' };
    const { root, program, npmPid } = await whileInstalling('sh', ['-c', script], env);
    const startPid = Number.parseInt(readFileSync(join(root, 'start.pid'), 'utf8'), 10);
    program.signal('SIGTERM');
    await waitFor('all have ended', END_MS, () => ![npmPid, startPid].some(isAlive));
    expect(holderOf(root)).toBe('');
  }, 60_000);
});

describe('a build of the addon that is told to end', () => {
  /** A clone whose node-gyp starts a program that never comes to an end, and ends then as it is told. */
  function cloneThatBuilds(nodeGyp: string) {
    const [root, programs, temporary] = [scriptsAlone(), tempDirectory('path'), tempDirectory('builds')];
    for (const name of ['npm', 'g++', 'make', 'python3']) {
      writeFileSync(join(programs, name), '#!/bin/sh\nexit 0\n');
      chmodSync(join(programs, name), 0o755);
    }
    symlinkSync(process.execPath, join(programs, 'node'));
    for (const name of ['native', join('node_modules', 'node-addon-api')])
      write(root, join(name, 'package.json'), '{}');
    write(root, join('node_modules', 'node-gyp', 'bin', 'node-gyp.js'), nodeGyp);
    const env = { PATH: `${programs}:/bin:/usr/bin`, TMPDIR: temporary };
    const start = (args: readonly string[]) => startProcess(process.execPath, args, { cwd: root, env });
    return { root, temporary, start };
  }

  const COMPILES = (root: string) => `
    const { spawn } = require('node:child_process'); const { writeFileSync } = require('node:fs');
    writeFileSync('${join(root, 'compiler.pid')}', String(spawn('sleep', ['600']).pid));`;

  it('leaves neither its compiler nor its folder behind', async () => {
    const { root, temporary, start } = cloneThatBuilds('');
    write(root, join('node_modules', 'node-gyp', 'bin', 'node-gyp.js'), COMPILES(root));
    const program = start([join('scripts', 'start.mjs')]);
    const compilerPid = await pidIn(join(root, 'compiler.pid'));
    program.signal('SIGTERM');
    expect((await program.exited(END_MS)).code).toBe(1);
    await waitFor('the compiler has ended', END_MS, () => !isAlive(compilerPid));
    expect(readdirSync(temporary)).toEqual([]);
    expect(holderOf(root)).toBe('');
  }, 60_000);

  it('leaves no folder behind when it fails', async () => {
    const { temporary, start } = cloneThatBuilds('process.exit(3);');
    const { code, log } = await finished(start([join('native', 'scripts', 'build.mjs')]));
    expect([code, log]).toEqual([1, expect.stringContaining('node-gyp configure ended with 3')]);
    expect(readdirSync(temporary)).toEqual([]);
  }, 60_000);
});

describe('the turns of set-ups', () => {
  it('are not waited for by one that is told to end', async () => {
    const root = scriptsAlone();
    write(root, LOCK, String(process.pid));
    const program = startProcess(process.execPath, [join('scripts', 'start.mjs')], { cwd: root });
    await waitFor('it waits', END_MS, () => program.log().includes('waiting'));
    program.signal('SIGINT');
    expect((await program.exited(END_MS)).code).toBe(1);
    expect(holderOf(root)).toBe(String(process.pid));
  }, 60_000);

  const TURN = `
    import { underLock } from './scripts/setup/stamp.mjs';
    await main(() => underLock(() => console.log('its turn')));`;

  it('says whom it waits for', async () => {
    const root = scriptsAlone();
    write(root, LOCK, String(process.pid));
    const program = runPiece(root, TURN);
    await waitFor('it says so', END_MS, () => program.log().includes(`process ${process.pid}`));
    expect(program.log()).toContain(LOCK);
    expect(program.log()).not.toContain('its turn');
    await program.kill9();
  }, 60_000);

  it.each([
    ['a process that is gone', '999999999'],
    ['a process that ended before it could write its id', ''],
  ])(
    'takes over the lock of %s',
    async (_whose, text) => {
      const root = scriptsAlone();
      write(root, LOCK, text);
      utimesSync(join(root, LOCK), new Date(0), new Date(0));
      expect(await finished(runPiece(root, TURN))).toEqual({ code: 0, log: 'its turn\n' });
      expect(holderOf(root)).toBe('');
    },
    60_000,
  );

  it('are one after the other, also when one is late to take over from a process that is gone', async () => {
    const root = scriptsAlone();
    write(root, LOCK, '999999999');
    const allow = (name: string) => write(root, name, '');
    const [heldFor, lateBefore] = [
      (name: string) =>
        `import { existsSync } from 'node:fs'; import { setTimeout } from 'node:timers/promises';
         import { underLock } from './scripts/setup/stamp.mjs';
         await main(() => underLock(async () => {
           console.log('its turn');
           while (!existsSync('${name}')) await setTimeout(20);
         }));`,
      // Each name of a file that it changes, it changes when it is allowed to.
      `import fs, { writeFileSync } from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
       let count = 0;
       for (const name of ['linkSync', 'renameSync']) {
         const change = fs[name];
         fs[name] = (...args) => {
           count += 1;
           writeFileSync('late-' + count, '');
           while (!fs.existsSync('go-' + count)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
           change(...args);
         };
       }
       syncBuiltinESMExports();`,
    ];
    const isThere = (name: string) => existsSync(join(root, name));
    const hasTurn = (program: TestProcess) => program.log().includes('its turn');
    const isSettled = (program: TestProcess) => hasTurn(program) || program.log().includes('waiting');

    const late = runPiece(root, `${lateBefore} ${heldFor('end-late')}`);
    await waitFor('it is late', END_MS, () => isThere('late-1'));
    allow('end-first');
    expect(await finished(runPiece(root, heldFor('end-first')))).toEqual({ code: 0, log: 'its turn\n' });
    const second = runPiece(root, heldFor('end-second'));
    await waitFor('the second has its turn', END_MS, () => hasTurn(second));
    allow('go-1');
    await waitFor('the late one goes on', END_MS, () => isThere('late-2') || isSettled(late));
    const third = runPiece(root, heldFor('end-third'));
    await waitFor('the third has looked', END_MS, () => isSettled(third));
    for (let step = 2; step <= 9; step += 1) allow(`go-${step}`);
    await waitFor('the late one has looked', END_MS, () => isSettled(late));
    expect([second, third, late].map(hasTurn)).toEqual([true, false, false]);

    for (const name of ['end-second', 'end-third', 'end-late']) allow(name);
    for (const program of [second, third, late]) expect((await program.exited(END_MS)).code).toBe(0);
    expect([third, late].map(hasTurn)).toEqual([true, true]);
    expect(holderOf(root)).toBe('');
  }, 120_000);
});

describe('what the system refuses to a script', () => {
  it('is told in one line that names the path', async () => {
    const root = scriptsAlone();
    write(root, 'dist', 'no folder');
    const { code, log } = await finished(
      startProcess(process.execPath, [join('scripts', 'start.mjs')], { cwd: root, env: { PATH: '/nowhere' } }),
    );
    expect(code).toBe(1);
    expect(log).toMatch(/^peerlink: [^\n]*dist[^\n]*\n$/);
  }, 60_000);
});

describe('npm start', () => {
  it('refuses arguments, which it would not heed', async () => {
    const root = scriptsAlone();
    const args = [join('scripts', 'start.mjs'), '--port', '6000'];
    const { code, log } = await finished(startProcess(process.execPath, args, { cwd: root }));
    expect(code).toBe(1);
    expect(log).toMatch(/^peerlink: [^\n]*--port[^\n]*PORT=6000[^\n]*\n$/);
    expect(existsSync(join(root, 'dist'))).toBe(false);
  }, 60_000);
});
