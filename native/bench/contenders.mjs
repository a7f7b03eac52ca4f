// The implementations net_io is measured beside.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Never in a package.json of ours: its lock file entry cannot be made complete. */
const BLAKE_HASH = '@napi-rs/blake-hash@1.3.6';

/**
 * The reference implementation with its hand-written AVX-512 assembly, behind Node-API. Installed into a folder of its
 * own on first use.
 * @returns the module, or undefined with a line on stderr when it cannot be had
 */
export function loadBlakeHash() {
  const folder = join(tmpdir(), 'net-io-bench-contenders');
  const path = join(folder, 'node_modules', '@napi-rs', 'blake-hash');
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const npm = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', BLAKE_HASH], {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    if (npm.status !== 0) {
      console.error(`bench: no ${BLAKE_HASH}: ${npm.stderr}`);
      return undefined;
    }
  }
  return createRequire(import.meta.url)(path);
}

/** A digest through node:crypto, the way everybody writes it. */
export const nodeHash = (algorithm) => (input) => createHash(algorithm).update(input).digest();

/** The fastest loop we know in JavaScript: a key of 32 bytes in eight local variables. Sizes divisible by 32 only. */
export function bestJavaScriptXor(key) {
  const [k0, k1, k2, k3, k4, k5, k6, k7] = new Int32Array(Uint8Array.from(key).buffer);
  return (words) => {
    for (let i = 0; i < words.length; i += 8) {
      words[i] ^= k0;
      words[i + 1] ^= k1;
      words[i + 2] ^= k2;
      words[i + 3] ^= k3;
      words[i + 4] ^= k4;
      words[i + 5] ^= k5;
      words[i + 6] ^= k6;
      words[i + 7] ^= k7;
    }
  };
}

/**
 * Times b3sum on one thread. What it takes for the bytes alone is the best time for the file less the best for an
 * empty one: its start is not what is compared.
 * @returns undefined when there is no b3sum
 */
export function b3sumTimer(sizeBytes) {
  if (spawnSync('b3sum', ['--version']).error !== undefined) return undefined;
  // In memory: this is no measurement of a disk.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'net-io-bench-'));
  const full = join(folder, 'full');
  const empty = join(folder, 'empty');
  writeFileSync(full, Buffer.alloc(sizeBytes, 7));
  writeFileSync(empty, '');
  const timeOf = (path) => {
    const start = performance.now();
    execFileSync('b3sum', ['--num-threads', '1', path]);
    return (performance.now() - start) / 1000;
  };
  return {
    fullSeconds: () => timeOf(full),
    emptySeconds: () => timeOf(empty),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
