// npm run test:cluster [-- --full] [--part=NAME,...] [--runs=N] [--mib=N] [--outage-seconds=N] [--seed=TEXT]: faults in a
// cluster of real processes. Without --full each strikes once at 32 MiB, as in npm test, two suites at a time. With it
// they strike as the promises are worded, hours altogether and one after the other, and each part's result goes to
// bench/results/cluster-faults.{json,md}.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main, ROOT, runNode, SetupError, say } from './setup/process.mjs';
import { ensureTestPrograms } from './setup/programs.mjs';
import { setUp } from './setup/setup.mjs';

/** Parts of a full run: what they show, which suite, and minutes on two idle cores with 20 runs of 1 GiB. */
const PARTS = {
  killed: {
    shows: 'kill -9 of home, replica, gateway, home that leads',
    suite: 'killed-nodes',
    only: '^kill -9',
    minutes: 50,
  },
  'frozen-home': { shows: 'SIGSTOP of the home', suite: 'killed-nodes', only: '^SIGSTOP.* of the home:', minutes: 15 },
  frozen: {
    shows: 'SIGSTOP of replica, gateway, home that leads',
    suite: 'killed-nodes',
    only: '^SIGSTOP.* of the (replica|gateway|home that leads):',
    minutes: 45,
  },
  cuts: { shows: 'packets dropped between nodes, PostgreSQL and Redis', suite: 'network-cuts', minutes: 12 },
  leader: { shows: 'twenty kills of the leader, a frozen one, a drained one', suite: 'leader', minutes: 5 },
  redis: { shows: 'Redis killed, flushed, away and frozen for 60 s', suite: 'redis-outage', minutes: 6 },
  database: { shows: 'PostgreSQL restarted, and frozen for 60 s', suite: 'database-outage', minutes: 3 },
  scaling: {
    shows: '3 to 5 to 2 nodes and a rolling restart under 10 uploads and 10 downloads',
    suite: 'scaling',
    minutes: 8,
  },
  bus: {
    shows: 'Redis and NATS killed and frozen under the bus; packets forged, and each delivered twice',
    suite: 'bus/',
    minutes: 3,
  },
  repeated: { shows: 'every client request twice; a slow reader', suite: 'repeated-requests', minutes: 1 },
};
const RESULTS = join(ROOT, 'bench', 'results', 'cluster-faults');
const BIOME = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const PART_DEADLINE_MS = 6 * 3_600_000;

const USAGE =
  'usage: npm run test:cluster -- [--full] [--part=NAME,...] [--runs=N] [--mib=N] [--outage-seconds=N] [--seed=TEXT]';

function readArguments() {
  try {
    return parseArgs({
      options: {
        full: { type: 'boolean', default: false },
        part: { type: 'string' },
        runs: { type: 'string' },
        mib: { type: 'string' },
        'outage-seconds': { type: 'string' },
        seed: { type: 'string' },
      },
    }).values;
  } catch (fault) {
    throw new SetupError(`${fault.message}\n${USAGE}`);
  }
}

function options() {
  const values = readArguments();
  for (const name of ['runs', 'mib', 'outage-seconds'])
    if (values[name] !== undefined && !(Number.isInteger(Number(values[name])) && values[name] > 0))
      throw new SetupError(`--${name} must be a whole number from 1, found "${values[name]}"`);
  const parts = values.part?.split(',') ?? Object.keys(PARTS);
  const unknown = parts.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0)
    throw new SetupError(`no part ${unknown.join(', ')}: there are ${Object.keys(PARTS).join(', ')}`);
  return { ...values, parts, seed: values.seed ?? randomBytes(4).toString('hex') };
}

function machine() {
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    hasUncommittedChanges: git('status', '--porcelain', '--', 'services', 'native', 'test/cluster') !== '',
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    loadBefore: Math.round(loadavg()[1] * 10) / 10,
  };
}

const JEST = ['--experimental-vm-modules', '--no-warnings', join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')];

/** What the suites read of what was asked for. */
function environment({ full, seed, runs, mib, ...rest }, reportPath) {
  const given = {
    PEERLINK_FAULTS: full ? 'full' : undefined,
    TEST_LONG: full ? 'true' : undefined,
    PEERLINK_FAULT_SEED: seed,
    PEERLINK_FAULT_REPORT: reportPath,
    PEERLINK_FAULT_RUNS: runs,
    PEERLINK_FAULT_MIB: mib,
    PEERLINK_FAULT_OUTAGE_MS: rest['outage-seconds'] === undefined ? undefined : String(rest['outage-seconds'] * 1000),
  };
  const env = { ...process.env, NODE_ENV: 'test' };
  for (const [key, value] of Object.entries(given)) if (value !== undefined) env[key] = value;
  return env;
}

/** Each fault once. True when every one passed. */
async function runOnce(chosen) {
  const suites = [...new Set(chosen.parts.map((name) => `test/cluster/${PARTS[name].suite}`))];
  const only = chosen.parts.length === 1 ? PARTS[chosen.parts[0]].only : undefined;
  const args = [...JEST, '--maxWorkers=2', ...(only === undefined ? [] : ['-t', only]), ...suites];
  const { code } = await runNode(args, { env: environment(chosen, undefined), timeoutMs: PART_DEADLINE_MS });
  return code === 0;
}

async function runPart(name, chosen, folder) {
  const { suite, only } = PARTS[name];
  const reportPath = join(folder, `${name}.jsonl`);
  const env = environment(chosen, reportPath);
  const json = join(folder, `${name}.json`);
  const args = [
    ...JEST,
    '--json',
    `--outputFile=${json}`,
    '--maxWorkers=1',
    ...(only === undefined ? [] : ['-t', only]),
  ];
  const on = machine();
  const startedAt = Date.now();
  const { code } = await runNode([...args, `test/cluster/${suite}`], { env, timeoutMs: PART_DEADLINE_MS });
  const tests = existsSync(json)
    ? JSON.parse(readFileSync(json, 'utf8')).testResults.flatMap((file) => file.assertionResults)
    : [];
  const ran = tests.filter(({ status }) => status === 'passed' || status === 'failed');
  return {
    shows: PARTS[name].shows,
    seed: chosen.seed,
    machine: on,
    minutes: Math.round((Date.now() - startedAt) / 6_000) / 10,
    hasPassed: code === 0 && ran.length > 0,
    tests: ran.map(({ fullName, status, failureMessages }) => ({
      name: fullName,
      status,
      ...(status === 'failed' ? { why: failureMessages.join('\n').replaceAll(`${ROOT}/`, '').slice(0, 2_000) } : {}),
    })),
    runs: existsSync(reportPath)
      ? readFileSync(reportPath, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [],
  };
}

/** The smallest value that `share` of the values do not exceed. */
function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

function standstills(runs) {
  const groups = new Map();
  for (const { fault, activities, stalls } of runs) {
    if (stalls === undefined) continue;
    const of = [fault, activities].filter(Boolean).join(', ');
    groups.set(of, [...(groups.get(of) ?? []), ...Object.values(stalls)]);
  }
  return [...groups].map(([of, ms]) => {
    return `| ${of} | ${ms.length} | ${percentile(ms, 0.5)} | ${percentile(ms, 0.95)} | ${Math.max(...ms)} |`;
  });
}

function asText(results) {
  const sections = Object.entries(results).map(([name, part]) => {
    const { commit, hasUncommittedChanges, date, cpu, cores, memoryGib, system, node, loadBefore } = part.machine;
    const rows = standstills(part.runs);
    return [
      `## ${name}: ${part.shows}`,
      `${part.hasPassed ? 'Passed' : '**Failed**'} in ${part.minutes} minutes on ${date}, commit ${commit}${hasUncommittedChanges ? ' with uncommitted changes' : ''}, seed \`${part.seed}\`. ${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}; load ${loadBefore} before.`,
      part.tests.map((test) => `- ${test.status === 'passed' ? 'passed' : '**failed**'}: ${test.name}`).join('\n'),
      rows.length === 0
        ? ''
        : ['| standstill of a client, ms | clients | median | p95 | most |', '|---|---|---|---|---|', ...rows].join(
            '\n',
          ),
    ]
      .filter((text) => text !== '')
      .join('\n\n');
  });
  return `# Faults in a cluster\n\nWritten by \`npm run test:cluster -- --full\`. Each part has a run of its own; \`--part=NAME --seed=TEXT\` repeats one.\n\n${sections.join('\n\n')}\n`;
}

await main(async () => {
  const chosen = options();
  const { hasAddon } = await setUp();
  if (!hasAddon) throw new SetupError('the tests need net_io built, not its fallback: install g++ and make');
  await ensureTestPrograms();
  say(`faults with seed ${chosen.seed}: ${chosen.parts.join(', ')}`);
  if (!chosen.full) return (await runOnce(chosen)) ? 0 : 1;
  const share =
    (chosen.runs === undefined ? 1 : chosen.runs / 20) *
    (chosen.mib === undefined ? 1 : Math.max(0.2, chosen.mib / 1024));
  for (const name of chosen.parts)
    say(`${name}: about ${Math.max(1, Math.round(PARTS[name].minutes * share))} minutes: ${PARTS[name].shows}`);
  const folder = mkdtempSync(join(tmpdir(), 'peerlink-faults-'));
  let hasFailed = false;
  try {
    for (const name of chosen.parts) {
      const part = await runPart(name, chosen, folder);
      hasFailed ||= !part.hasPassed;
      say(`${name}: ${part.hasPassed ? 'passed' : 'FAILED'} in ${part.minutes} minutes`);
      // Written after each: hours of work are not lost to what comes later.
      const known = existsSync(`${RESULTS}.json`) ? JSON.parse(readFileSync(`${RESULTS}.json`, 'utf8')) : {};
      const results = { ...known, [name]: part };
      writeFileSync(`${RESULTS}.json`, `${JSON.stringify(results, null, 2)}\n`);
      // As `npm run check` wants every file of the repository: short lists on one line.
      await runNode([BIOME, 'format', '--write', `${RESULTS}.json`], { isQuiet: true });
      writeFileSync(`${RESULTS}.md`, asText(results));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return hasFailed ? 1 : 0;
});
