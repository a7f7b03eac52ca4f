import { chmodSync, cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
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
