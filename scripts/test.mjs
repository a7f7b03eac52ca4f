// npm test: sets up, installs the programs that tests use, runs every suite, and ends with `N passed, N failed`. What
// failed beside others runs again alone: see `again`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { main, ROOT, runNode, SetupError, say } from './setup/process.mjs';
import { ensureTestPrograms } from './setup/programs.mjs';
import { setUp } from './setup/setup.mjs';

/** Suites that start whole servers, databases and browsers, apart from what only computes. They wait more than they compute. */
const WHOLE_PROCESS_SUITES = ['test/contract/state/', 'test/house/', 'test/e2e/', 'test/cluster/'];
/** Those of them in which nodes and servers die: beside each other only, since what they wait for has a deadline of seconds. */
const FAULT_SUITES = [
  'test/cluster/(bus/|direct|killed-nodes|leader|network-cuts|operator|presence|redis-outage|repeated-requests|scaling|sentinel)',
  'test/e2e/(cluster|people)\\.test',
];
/** Those that hold a figure against the machine run alone: another beside them would be measured too. */
const TIMED_SUITES = [
  'test/contract/state/(data-directory|state-postgres)',
  'test/house/(start|dev)',
  'test/e2e/memory',
  'test/cluster/(database-outage|latency|limits|sessions)',
];
/** What is no suite of Jest's: what `npm run check` holds, and native suites. Each counts as one test. */
const CHECK = [join('scripts', 'check.mjs'), '--without-suites'];
const NATIVE = ['run-sanitizers.mjs', 'run-aarch64.mjs', 'run-prebuilt.mjs'].map((name) => [
  join('native', 'test', name),
]);
/** One more than the two cores that this is made for: what waits leaves them to others. */
const SIDE_BY_SIDE = '--maxWorkers=3';
const SUITE_DEADLINE_MS = 25 * 60_000;
/** More failed files than this are no accident of a busy machine. */
const MAX_FILES_AGAIN = 3;
const TIMES_AGAIN = 2;

/** One run of Jest: how many tests passed and failed, and which, with the files they are in. */
async function runJest(title, args) {
  const folder = mkdtempSync(join(tmpdir(), 'peerlink-jest-'));
  const report = join(folder, 'report.json');
  try {
    say(`running the ${title} tests`);
    const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
    const flags = ['--experimental-vm-modules', '--no-warnings', jest, '--json', `--outputFile=${report}`];
    // Set up already: no suite looks again whether something is to be compiled.
    const env = { ...process.env, NODE_ENV: 'test', PEERLINK_TEST_IS_PREPARED: 'true' };
    const { code } = await runNode([...flags, ...args], { env, timeoutMs: SUITE_DEADLINE_MS });
    if (!existsSync(report)) {
      say(`Jest ended with ${code} and no report`);
      return { passed: 0, failed: 1, files: [], names: [] };
    }
    const counts = JSON.parse(readFileSync(report, 'utf8'));
    const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
    const files = counts.testResults.filter(({ status }) => status === 'failed');
    const names = files.flatMap(({ name, assertionResults }) => {
      const tests = assertionResults.filter(({ status }) => status === 'failed');
      return tests.length === 0 ? [relative(ROOT, name)] : tests.map(({ fullName }) => fullName);
    });
    // Jest may fail for a reason that is no test (an unhandled fault between two): that is a failure all the same.
    const isFailed = failed === 0 && code !== 0;
    return {
      passed: counts.numPassedTests,
      failed: isFailed ? 1 : failed,
      files: files.map(({ name }) => name),
      names,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs failed files again, alone. A test that fails now and then says something, so it is not waved through: every test
 * of its file must pass twice in a row, and its name is told at the end of the run, to be mended.
 */
async function again(result) {
  if (result.failed !== result.names.length || result.files.length > MAX_FILES_AGAIN) return result;
  for (let time = 1; time <= TIMES_AGAIN; time += 1) {
    const alone = ['--maxWorkers=1', '--runTestsByPath', ...result.files];
    if ((await runJest(`failed (again, alone, ${time} of ${TIMES_AGAIN})`, alone)).failed > 0) return result;
  }
  return { passed: result.passed + result.failed, failed: 0, unsteady: result.names };
}

/** Beside suites that wait: it only compiles and computes, and whoever has a deadline goes first. */
async function runProgram([path, ...options]) {
  say(`running ${path}`);
  const { code } = await runNode([path, ...options], { isYielding: true, timeoutMs: SUITE_DEADLINE_MS });
  if (code !== 0) say(`${path} failed with ${code}`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, files: [], names: [] };
}

async function runNativePrograms() {
  const results = [];
  for (const program of NATIVE.filter(([path]) => existsSync(join(ROOT, path))))
    results.push(await runProgram(program));
  return results;
}

await main(async () => {
  const { hasAddon } = await setUp();
  if (!hasAddon) throw new SetupError('the tests need net_io built, not its fallback: install g++ and make');
  await ensureTestPrograms();
  const ignoring = (suites) => ['/node_modules/', ...suites].map((path) => `--testPathIgnorePatterns=${path}`);
  // The check begins with the first group, whose servers leave some of the machine idle. The native programs begin with the
  // second: they write native/dist and native/prebuilds, which suites of the first may load.
  const checking = runProgram(CHECK);
  const results = [await runJest('unit and contract', [SIDE_BY_SIDE, ...ignoring(WHOLE_PROCESS_SUITES)])];
  const [wholeProcess, check, native] = await Promise.all([
    runJest('whole-process', [SIDE_BY_SIDE, ...WHOLE_PROCESS_SUITES, ...ignoring([...FAULT_SUITES, ...TIMED_SUITES])]),
    checking,
    checking.then(runNativePrograms),
  ]);
  results.push(wholeProcess, check, ...native);
  results.push(await runJest('fault', [SIDE_BY_SIDE, ...FAULT_SUITES]));
  results.push(await runJest('timed', ['--maxWorkers=1', ...TIMED_SUITES]));
  for (const [index, result] of results.entries()) if (result.failed > 0) results[index] = await again(result);
  for (const { unsteady = [] } of results) {
    for (const name of unsteady) say(`UNSTEADY: failed once beside others, passed ${TIMES_AGAIN} times alone: ${name}`);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
});
