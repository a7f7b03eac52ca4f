import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../support/cleanup.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT } from './tree.ts';

/** Fails in these runs of it, counted from 1, by a file beside it. */
const failingIn = (...runs: readonly number[]) => `
  const fs = require('node:fs');
  it('is unsteady', () => {
    fs.appendFileSync(__filename + '.runs', '.');
    expect(${JSON.stringify(runs)}).not.toContain(fs.statSync(__filename + '.runs').size);
  });`;
const PASSES = "it('passes', () => undefined);";

/** A tree that is set up already, with a suite for each group of `npm test`. @param files null: that one is not there */
async function runTests(files: Readonly<Record<string, string | null>>): Promise<{ code: number | null; log: string }> {
  const root = tempDirectory('runner');
  for (const name of ['scripts/test.mjs', 'scripts/setup/process.mjs']) cpSync(join(ROOT, name), join(root, name));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const given = {
    'package.json': '{}',
    'jest.config.cjs': "module.exports = { testMatch: ['<rootDir>/**/*.test.cjs'], transform: {} };",
    'scripts/check.mjs': '',
    'scripts/setup/setup.mjs': 'export const setUp = async () => ({ hasAddon: true });',
    'scripts/setup/programs.mjs': 'export const ensureTestPrograms = async () => undefined;',
    'services/one.test.cjs': PASSES,
    'test/house/one.test.cjs': PASSES,
    'test/cluster/leader.test.cjs': PASSES,
    'test/cluster/limits.test.cjs': PASSES,
    ...files,
  };
  for (const [name, text] of Object.entries(given)) {
    if (text === null) continue;
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const program = startProcess(process.execPath, [join('scripts', 'test.mjs')], { cwd: root });
  const { code } = await program.exited(110_000);
  return { code, log: program.log() };
}

describe('npm test', () => {
  it('says which test was unsteady, and counts it as passed when it passes twice alone', async () => {
    const { code, log } = await runTests({ 'test/cluster/leader.test.cjs': failingIn(1) });
    expect(log).toMatch(/UNSTEADY: failed once beside others, passed 2 times alone: is unsteady/);
    expect([code, /\d+ passed, \d+ failed\n/.exec(log)?.[0]]).toEqual([0, '5 passed, 0 failed\n']);
  }, 120_000);

  it('fails for a group without suites, a suite without tests, one that ends its process, and what fails once more', async () => {
    const { code, log } = await runTests({
      'services/one.test.cjs': null,
      'test/house/empty.test.cjs': '',
      'test/house/dies.test.cjs': "it('dies', () => process.exit(0));",
      'test/cluster/leader.test.cjs': failingIn(1, 3),
      'scripts/check.mjs': 'process.exitCode = 1;',
    });
    expect(log).not.toContain('UNSTEADY');
    expect([code, /\d+ passed, \d+ failed\n/.exec(log)?.[0]]).toEqual([1, '2 passed, 5 failed\n']);
  }, 120_000);
});
