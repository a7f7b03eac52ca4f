// Packs the addon with its prebuilt binary, installs the tarball where there is no compiler, and asks it which kernel
// runs: `node native/test/run-prebuilt.mjs`.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const nativeFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'net-io-prebuilt-'));

/** First match of a command on the PATH. */
function find(command) {
  for (const place of process.env.PATH.split(delimiter)) {
    try {
      return realpathSync(join(place, command));
    } catch {
      // Not in this place.
    }
  }
  throw new Error(`${command} is not on the PATH`);
}

/** Output only when it fails. */
function runQuietly(command, commandArguments, cwd, env) {
  const result = spawnSync(command, commandArguments, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.status === 0) return;
  throw new Error(`${command} ${commandArguments[0]} failed: ${result.error ?? ''}\n${result.stdout}${result.stderr}`);
}

try {
  const bin = join(folder, 'bin');
  const app = join(folder, 'app');
  mkdirSync(bin);
  mkdirSync(app);
  // All there is on the PATH: Node, npm and the shell npm needs. No compiler, no make, no Python.
  for (const command of ['node', 'npm', 'sh']) symlinkSync(find(command), join(bin, command));

  // Explicitly, because npm may be configured to run no scripts by itself.
  runQuietly('npm', ['run', 'prepack'], nativeFolder, process.env);
  runQuietly('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], nativeFolder, process.env);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }');
  const env = { ...process.env, PATH: bin };
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball)];
  runQuietly(join(bin, 'npm'), install, app, env);
  const code = `
    const netIo = require('net_io').loadNetIo({ useNative: true });
    const digest = netIo.hash(Buffer.alloc(0)).toString('hex');
    console.log(JSON.stringify({ ...netIo.kernels(), digest }));`;
  const report = JSON.parse(execFileSync(join(bin, 'node'), ['--eval', code], { cwd: app, env, encoding: 'utf8' }));
  const emptyDigest = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
  if (report.implementation !== 'native' || report.digest !== emptyDigest) {
    throw new Error(`the packed addon answered ${JSON.stringify(report)}`);
  }
  console.log(
    `prebuilt: ${tarball} installed without a compiler runs ${report.active} of ${report.available.join(', ')}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
