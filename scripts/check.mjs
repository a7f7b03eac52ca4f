// npm run check: types, format and lint, import law and cycles, dead code, bundle size. Everything runs, then it says what failed.
import { join } from 'node:path';
import { main, ROOT, runNode, say } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

const programOf = (name, ...path) => join(ROOT, 'node_modules', name, ...path);
const tsc = programOf('typescript', 'bin', 'tsc');
const jest = ['--experimental-vm-modules', '--no-warnings', programOf('jest', 'bin', 'jest.js')];

/** What each check holds, and the Node program that checks it. */
const CHECKS = [
  ['types of the server, the addon and the tests', [tsc, '--noEmit', '-p', '.']],
  ['types of the tests in a browser', [tsc, '--noEmit', '-p', 'test/e2e']],
  ['types of the page', [tsc, '--noEmit', '-p', 'frontend']],
  ['format, lint and cycles', [programOf('@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', '.']],
  ['lint that knows types', [programOf('oxlint', 'bin', 'oxlint'), '--type-aware', '--deny-warnings']],
  ['dead code and undeclared dependencies', [programOf('knip', 'bin', 'knip.js'), '--no-config-hints']],
  ['size of the page', [programOf('size-limit', 'bin.js')]],
];
/** The same, held by suites: `npm test` runs them among its own, and says `--without-suites`. */
const SUITES = [
  [
    'import law, versions, lock file, dependency list',
    [...jest, 'test/architecture.spec.ts', 'test/house/facts.test.ts'],
  ],
];

await main(async () => {
  await setUp();
  const checks = process.argv.includes('--without-suites') ? CHECKS : [...CHECKS, ...SUITES];
  const failed = [];
  for (const [title, args] of checks) {
    const { code, output } = await runNode(args, { isQuiet: true });
    say(`${code === 0 ? 'holds' : 'FAILS'}: ${title}`);
    if (code === 0) continue;
    failed.push(title);
    process.stderr.write(`${output}\n`);
  }
  say(failed.length === 0 ? `all ${checks.length} checks hold` : `${failed.length} failed: ${failed.join('; ')}`);
  return failed.length === 0 ? 0 : 1;
});
