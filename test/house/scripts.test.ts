import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { atEnd, tempDirectory } from '../support/cleanup.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT } from './tree.ts';

/** A clone without packages, and a PATH whose npm installs none. */
function freshClone(): { readonly root: string; readonly programs: string } {
  const [root, programs] = [tempDirectory('clone'), tempDirectory('path')];
  for (const name of ['package.json', 'package-lock.json', 'scripts', 'prisma/schema.prisma']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  const npm = join(programs, 'npm');
  writeFileSync(npm, '#!/bin/sh\necho "npm $1" >&2\nexit 7\n');
  chmodSync(npm, 0o755);
  symlinkSync(process.execPath, join(programs, 'node'));
  return { root, programs };
}

describe('a single step on a fresh clone', () => {
  it('prisma:generate installs the packages first, and says what kept it from that', async () => {
    const { root, programs } = freshClone();
    const env = { PATH: `${programs}:/bin:/usr/bin` };
    const program = startProcess(process.execPath, [join('scripts', 'prisma-generate.mjs')], { cwd: root, env });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toMatch(/installing packages .*\nnpm ci\n.*npm ci ended with 7/);
  }, 60_000);
});

describe('programs that tests need', () => {
  it('are named, with the package of each, when they cannot be had', async () => {
    const { root, programs } = freshClone();
    // What needs a browser.
    mkdirSync(join(root, 'frontend'));
    const ensure =
      "import { main } from './scripts/setup/process.mjs'; import { ensureTestPrograms } from './scripts/setup/programs.mjs'; await main(ensureTestPrograms);";
    const program = startProcess(process.execPath, ['--input-type=module', '-e', ensure], {
      cwd: root,
      env: { PATH: programs },
    });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toMatch(
      /Chromium[^\n]*, not on the PATH: install it by hand \(Debian: apt-get install [^)]*chromium/,
    );
  }, 60_000);
});

describe('copy-native', () => {
  it('puts the addon where it is looked for without a build, and says what to do when there is none', async () => {
    const { root } = freshClone();
    const copy = async () => {
      const program = startProcess(process.execPath, [join('scripts', 'copy-native.mjs')], { cwd: root });
      return { code: (await program.exited(30_000)).code, log: program.log() };
    };
    expect(await copy()).toMatchObject({ code: 1, log: expect.stringContaining('npm run build makes it') });
    const addon = join('native', 'build', 'Release', 'net_io.node');
    cpSync(join(ROOT, addon), join(root, addon));
    expect((await copy()).code).toBe(0);
    const copied = join(root, 'native', 'prebuilds', `${process.platform}-${process.arch}`, 'net_io.node');
    expect(readFileSync(copied).equals(readFileSync(join(ROOT, addon)))).toBe(true);
  }, 60_000);
});

describe('npm run test:cluster', () => {
  it.each([
    ['--help', /^peerlink: Unknown option '--help'[^\n]*\nusage: [^\n]*--part=NAME[^\n]*\n$/],
    ['--runs=many', /^peerlink: --runs must be a whole number from 1, found "many"\n$/],
    ['--part=nothing', /^peerlink: no part nothing: there are killed, [^\n]*\n$/],
  ])(
    'refuses %s with what there is, before hours of work',
    async (argument, said) => {
      const args = [join('scripts', 'test-cluster.mjs'), argument];
      const program = startProcess(process.execPath, args, { cwd: freshClone().root });
      expect((await program.exited(30_000)).code).toBe(1);
      expect(program.log()).toMatch(said);
    },
    60_000,
  );
});

describe('npm run peerlink', () => {
  it('says in one line that a process gave no answer', async () => {
    const directory = tempDirectory('data');
    mkdirSync(join(directory, 'node-0'));
    const path = join(directory, 'node-0', 'operator.sock');
    const silent = createServer((socket) => socket.destroy()).listen(path);
    atEnd(() => void silent.close());
    await once(silent, 'listening');
    const env = { ...process.env, DATA_DIR: directory };
    const args = [join('scripts', 'peerlink.mjs'), 'drain', 'some-node'];
    const program = startProcess(process.execPath, args, { cwd: ROOT, env });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toMatch(/^peerlink: the process at [^\n]*operator\.sock gave no answer: [^\n]*\n$/);
  }, 60_000);
});

describe('the server of the page in development', () => {
  it('ends where its port is taken, and takes no other one unsaid', async () => {
    const other = createServer().listen(0, 'localhost');
    atEnd(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
    const program = startProcess(process.execPath, [vite, 'frontend', '--port', String(port)], { cwd: ROOT });
    expect((await program.exited(30_000)).code).toBe(1);
    expect(program.log()).toContain(`Port ${port} is already in use`);
  }, 60_000);
});
