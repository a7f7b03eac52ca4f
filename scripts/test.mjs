// npm test: sets up, installs the programs that tests use, runs every suite, and ends with `N passed, N failed`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, ROOT, runNode, SetupError, say } from './setup/process.mjs';
import { ensureTestPrograms } from './setup/programs.mjs';
import { setUp } from './setup/setup.mjs';

/** Suites that start whole servers, databases and browsers, apart from what only computes. They wait more than they compute. */
const WHOLE_PROCESS_SUITES = ['test/contract/state/', 'test/house/', 'test/e2e/', 'test/cluster/'];
/** Those of them in which nodes and servers die: at most two at a time, since what they wait for has a deadline of seconds. */
const FAULT_SUITES = [
  'test/cluster/(bus/|direct|killed-nodes|leader|network-cuts|operator|presence|redis-outage|repeated-requests|scaling)',
  'test/e2e/(cluster|people)\\.test',
];
/** Those that hold a figure against the machine run alone: another beside them would be measured too. */
const TIMED_SUITES = [
  'test/contract/state/(data-directory|state-postgres)',
  'test/house/(start|dev|limits)',
  'test/e2e/memory',
  'test/cluster/(database-outage|latency|limits|sessions)',
];
/** Native suites in processes of their own; each counts as one test. */
const NATIVE_PROGRAMS = ['run-sanitizers.mjs', 'run-aarch64.mjs', 'run-prebuilt.mjs'].map((name) =>
  join('native', 'test', name),
);
const SUITE_DEADLINE_MS = 25 * 60_000;

async function runJest(title, args) {
  const folder = mkdtempSync(join(tmpdir(), 'peerlink-jest-'));
  const report = join(folder, 'report.json');
  try {
    say(`running the ${title} tests`);
    const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
    const flags = [
      '--experimental-vm-modules',
      '--no-warnings',
      jest,
      '--json',
      `--outputFile=${report}`,
      '--passWithNoTests',
    ];
    const env = { ...process.env, NODE_ENV: 'test' };
    const { code } = await runNode([...flags, ...args], { env, timeoutMs: SUITE_DEADLINE_MS });
    if (!existsSync(report)) {
      say(`Jest ended with ${code} and no report`);
      return { passed: 0, failed: 1 };
    }
    const counts = JSON.parse(readFileSync(report, 'utf8'));
    const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
    // Jest may fail for a reason that is no test (an unhandled fault between two): that is a failure all the same.
    return { passed: counts.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runNativeProgram(path) {
  say(`running ${path}`);
  const { code } = await runNode([path], { timeoutMs: SUITE_DEADLINE_MS });
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

await main(async () => {
  const { hasAddon } = await setUp();
  if (!hasAddon) throw new SetupError('the tests need net_io built, not its fallback: install g++ and make');
  await ensureTestPrograms();
  const ignoring = (suites) => ['/node_modules/', ...suites].map((path) => `--testPathIgnorePatterns=${path}`);
  const results = [
    await runJest('unit and contract', ignoring(WHOLE_PROCESS_SUITES)),
    await runJest('whole-process', [
      '--maxWorkers=3',
      ...WHOLE_PROCESS_SUITES,
      ...ignoring([...FAULT_SUITES, ...TIMED_SUITES]),
    ]),
    await runJest('fault', ['--maxWorkers=2', ...FAULT_SUITES]),
    await runJest('timed', ['--maxWorkers=1', ...TIMED_SUITES]),
  ];
  for (const program of NATIVE_PROGRAMS) {
    if (existsSync(join(ROOT, program))) results.push(await runNativeProgram(program));
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
});
