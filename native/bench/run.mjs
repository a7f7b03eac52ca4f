// npm run bench:native: net_io beside the reference implementation, node:crypto, b3sum and memcpy, in one run.
// Writes bench/results/native.json and native.md.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, type } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { b3sumTimer, bestJavaScriptXor, loadBlakeHash, nodeHash } from './contenders.mjs';
import { ratio, takeTurns } from './measure.mjs';
import { judge, REFERENCE, toMarkdown } from './report.mjs';

// By require: tsx gives a CommonJS module that is imported no folder of its own to look from.
const { loadNetIo } = createRequire(import.meta.url)('../index.ts');

const KIB = 1024;
const MIB = 1024 * KIB;
const SYNC_MAX = 4 * MIB;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

if (process.argv.length > 2) {
  process.stderr.write('npm run bench:native takes no arguments\n');
  process.exit(1);
}
const loadAtStart = loadavg()[0];
const netIo = loadNetIo({ useNative: true });
const fallback = loadNetIo({ useNative: false });
if (netIo.kernels().implementation !== 'native') throw new Error(netIo.kernels().reason);
const blakeHash = loadBlakeHash();

/** Every byte different from its neighbours, every page touched. */
function filled(sizeBytes) {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31) >>> 3;
  return bytes;
}

/** On this thread, whatever the size: pieces of what one synchronous call may take. */
function hashHere(input) {
  if (input.length <= SYNC_MAX) return netIo.hash(input);
  const hasher = netIo.createHasher();
  for (let at = 0; at < input.length; at += SYNC_MAX) hasher.update(input.subarray(at, at + SYNC_MAX));
  return hasher.digest();
}

async function hashRow(sizeBytes) {
  const input = filled(sizeBytes);
  const contenders = { net_io: () => hashHere(input) };
  if (blakeHash !== undefined) contenders[REFERENCE] = () => blakeHash.blake3(input);
  for (const algorithm of ['sha256', 'sha512', 'md5', 'blake2b512']) {
    const hash = nodeHash(algorithm);
    contenders[`node:crypto ${algorithm}`] = () => hash(input);
  }
  // Two chunks in flight, as an upload has them: what both cores give together, per chunk.
  if (sizeBytes >= 64 * KIB && sizeBytes <= MIB) {
    const other = filled(sizeBytes);
    const inFlight = async () => {
      const jobs = [];
      for (let i = 0; i < 16; i++) jobs.push(netIo.chunkValue([i % 2 ? other : input], 0));
      await Promise.all(jobs);
    };
    contenders['net_io on the pool, 16 in flight'] = inFlight;
  }
  if (sizeBytes > MIB) contenders['net_io hashAsync, all cores'] = () => netIo.hashAsync(input);
  const results = await takeTurns(contenders, sizeBytes > MIB ? { rounds: 40 } : { rounds: 120, budgetMs: 3 });
  const inFlight = results['net_io on the pool, 16 in flight'];
  if (inFlight !== undefined) {
    inFlight.all = inFlight.all.map((seconds) => seconds / 16);
    inFlight.best /= 16;
    inFlight.median /= 16;
  }
  return { kind: 'hash', sizeBytes, results };
}

/** b3sum hashes a file and starts a process: much data, and its start taken off. */
async function b3sumRow() {
  const sizeBytes = 256 * MIB;
  const timer = b3sumTimer(sizeBytes);
  if (timer === undefined) return undefined;
  const input = filled(64 * MIB);
  const ours = [];
  const full = [];
  const empty = [];
  for (let round = 0; round < 15; round++) {
    full.push(timer.fullSeconds());
    empty.push(timer.emptySeconds());
    const start = performance.now();
    for (let i = 0; i < 4; i++) hashHere(input);
    ours.push((performance.now() - start) / 1000);
  }
  timer.remove();
  const startSeconds = Math.min(...empty);
  const summary = (all) => ({ all, best: Math.min(...all), median: [...all].sort((a, b) => a - b)[all.length >> 1] });
  return {
    kind: 'b3sum',
    sizeBytes,
    results: { net_io: summary(ours), 'b3sum --num-threads 1': summary(full.map((seconds) => seconds - startSeconds)) },
  };
}

async function xorRow(sizeBytes, keyBytes) {
  const source = filled(sizeBytes);
  const target = filled(sizeBytes);
  const key = filled(keyBytes);
  const contenders = {
    memcpy: () => target.set(source),
    'net_io in place': () => netIo.xorInPlace(source, key, 5),
    'net_io while copying': () => netIo.xorCopy(source, target, key, 5),
    'net_io in TypeScript': () => fallback.xorInPlace(source, key, 5),
  };
  if (keyBytes === 32) {
    const xorWords = bestJavaScriptXor(key);
    const words = new Int32Array(source.buffer, 0, sizeBytes / 4);
    contenders['best JavaScript loop'] = () => xorWords(words);
  }
  return { kind: 'xor', sizeBytes, keyBytes, results: await takeTurns(contenders, { rounds: 120, budgetMs: 2 }) };
}

async function kernelRow(kernel) {
  netIo.useKernel(kernel);
  const input = filled(MIB);
  const target = filled(MIB);
  const key = filled(32);
  const results = await takeTurns(
    {
      BLAKE3: () => netIo.hash(input),
      'XOR in place': () => netIo.xorInPlace(input, key, 5),
      'XOR while copying': () => netIo.xorCopy(input, target, key, 5),
    },
    { rounds: 30, budgetMs: 3 },
  );
  return { kind: 'kernel', kernel, sizeBytes: MIB, results };
}

/** What each call keeps the event loop from, at the largest input it takes: on the slowest kernel and the fastest. */
async function blockingRow(kernel) {
  netIo.useKernel(kernel);
  const large = filled(16 * MIB);
  const target = filled(16 * MIB);
  const small = Array.from({ length: 16_384 }, () => Buffer.alloc(128, 1));
  const values = filled(65_536 * 32);
  const key = filled(37);
  const hasher = netIo.createHasher();
  const calls = {
    'hash, 4 MiB': () => void netIo.hash(large.subarray(0, SYNC_MAX)),
    'Hasher.update, 4 MiB': () => void hasher.update(large.subarray(0, SYNC_MAX)),
    'chunkValueSync, 16,384 buffers, 2 MiB': () => void netIo.chunkValueSync(small, 0),
    'xorInPlace, 16 MiB': () => netIo.xorInPlace(large, key, 5),
    'xorCopy, 16 MiB': () => netIo.xorCopy(large, target, key, 5),
  };
  const results = await takeTurns(calls, { rounds: 15 });
  // Of those that return a promise only the part until it is there counts; the job is awaited outside.
  const starts = {
    'chunkValue, 16,384 buffers': () => netIo.chunkValue(small, 0),
    'rootOfChunkValues, 65,536 values': () => netIo.rootOfChunkValues(values),
    'hashAsync, 16 MiB': () => netIo.hashAsync(large),
  };
  for (const [name, start] of Object.entries(starts)) {
    const all = [];
    for (let round = 0; round < 15; round++) {
      const before = performance.now();
      const job = start();
      all.push((performance.now() - before) / 1000);
      await job;
    }
    results[name] = { all, best: Math.min(...all), median: [...all].sort((a, b) => a - b)[7] };
  }
  return { kind: 'blocking', kernel, results };
}

const best = netIo.kernels().active;
const rows = [];
for (const sizeBytes of [64, KIB, 64 * KIB, MIB, 64 * MIB]) rows.push(await hashRow(sizeBytes));
const b3sum = await b3sumRow();
if (b3sum !== undefined) rows.push(b3sum);
for (const sizeBytes of [64 * KIB, MIB])
  for (const keyBytes of [32, 37, 4096]) rows.push(await xorRow(sizeBytes, keyBytes));
for (const kernel of netIo.kernels().available) rows.push(await kernelRow(kernel));
for (const kernel of new Set([netIo.kernels().available[0], best])) rows.push(await blockingRow(kernel));
netIo.useKernel(best);

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const report = {
  date: new Date().toISOString(),
  commit: git('rev-parse', '--short=12', 'HEAD'),
  hasUncommittedChanges: git('status', '--porcelain', '--', 'native') !== '',
  cpu: cpus()[0].model,
  cores: cpus().length,
  loadAverageAtStart: loadAtStart,
  system: `${type()} ${release()}`,
  node: process.versions.node,
  kernel: best,
  bars: judge(rows, ratio),
  rows: rows.map((row) => ({
    ...row,
    results: Object.fromEntries(
      Object.entries(row.results).map(([name, { best: bestSeconds, median }]) => [
        name,
        { bestSeconds, medianSeconds: median },
      ]),
    ),
  })),
};
const markdown = toMarkdown(report);
console.log(markdown);
const missing = [blakeHash === undefined ? REFERENCE : [], b3sum === undefined ? 'b3sum' : []].flat();
if (missing.length > 0) {
  // Bars against them are not in the report: it must not take the place of one that has them.
  process.stderr.write(`nothing is written, because it was not measured against ${missing.join(' and ')}\n`);
  process.exitCode = 1;
} else {
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'native.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, 'native.md'), markdown);
}
