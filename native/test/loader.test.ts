import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { INTERFACE_NUMBER } from '../binding.ts';
import { loadNetIo } from '../index.ts';
import { loadBinding, pattern } from './support.ts';

const nativeFolder = join(__dirname, '..');
const tsx = require.resolve('tsx/cjs');

describe('loadNetIo', () => {
  let folder: string;
  beforeAll(() => {
    // The package's own files, without a binary.
    folder = mkdtempSync(join(tmpdir(), 'net-io-loader-'));
    cpSync(nativeFolder, folder, {
      recursive: true,
      filter: (path) => !/[\\/](build|prebuilds|dist|node_modules|src|test|bench)$/.test(path),
    });
    mkdirSync(join(folder, 'node_modules'));
    cpSync(join(require.resolve('node-gyp-build'), '..'), join(folder, 'node_modules', 'node-gyp-build'), {
      recursive: true,
    });
    // As source the fallback's thread reads TypeScript through tsx.
    symlinkSync(join(tsx, '..', '..', '..'), join(folder, 'node_modules', 'tsx'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs code in a process of its own with the copied loader as `loadNetIo`. */
  function inCopy(code: string): { output: string; status: number | null } {
    const script = `const { loadNetIo } = require(${JSON.stringify(join(folder, 'index.ts'))}); ${code}`;
    const child = spawnSync(process.execPath, ['--require', tsx, '--eval', script], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { output: child.stdout + child.stderr, status: child.status };
  }

  it('runs the addon where there is a binary, on the kernel asked for', () => {
    expect(loadNetIo({ useNative: true }).kernels()).not.toHaveProperty('reason');
    const best = loadBinding().kernelForFeatures(loadBinding().machineFeatures());
    expect(loadNetIo({ useNative: true, kernel: 'portable' }).kernels().active).toBe('portable');
    expect(loadNetIo({ useNative: true, kernel: best }).kernels().active).toBe(best);
  });

  it('runs the fallback when told to, and says so', () => {
    expect(loadNetIo({ useNative: false }).kernels()).toEqual({
      implementation: 'fallback',
      active: 'typescript',
      available: ['typescript'],
      reason: 'the native addon is switched off',
    });
    expect(loadNetIo({ useNative: true, kernel: 'typescript' }).kernels().implementation).toBe('fallback');
  });

  it('refuses a kernel this machine has not got, by name', () => {
    expect(() => loadNetIo({ useNative: true, kernel: 'sparc' })).toThrow(
      /kernel "sparc" is not available here, only portable/,
    );
    expect(() => loadNetIo({ useNative: false, kernel: 'avx2' })).toThrow(/only typescript/);
  });

  it('falls back when there is no binary, with the reason', () => {
    const { output, status } = inCopy('console.log(JSON.stringify(loadNetIo({ useNative: true }).kernels()))');
    expect(output).toMatch(/"reason":"no binary of net_io for \w+-\w+ was found"/);
    expect(status).toBe(0);
  });

  it('hashes on its worker thread without a binary, and lets the process end', () => {
    const { output, status } = inCopy(
      `loadNetIo({ useNative: true }).hashAsync(Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))).then((d) => console.log(d.toString('hex')));`,
    );
    expect(output.trim()).toBe(loadNetIo({ useNative: true }).hash(pattern(5000)).toString('hex'));
    expect(status).toBe(0);
  });

  it('keeps the process until its worker thread has answered, and starts another when that one dies', () => {
    const { output, status } = inCopy(`
      const threads = [];
      process.on('worker', (thread) => threads.push(thread));
      const netIo = loadNetIo({ useNative: true });
      (async () => {
        await netIo.hashAsync(Buffer.alloc(9));
        const lost = netIo.hashAsync(Buffer.alloc(2 ** 24)).catch((fault) => fault.message);
        threads[0].terminate();
        console.log(await lost);
        console.log((await netIo.hashAsync(Buffer.alloc(9))).equals(netIo.hash(Buffer.alloc(9))), threads.length);
        await new Promise((resolve) => setTimeout(resolve, 10));
        console.log((await netIo.hashAsync(Buffer.alloc(2 ** 22))).length);
      })();`);
    expect(output.trim().split('\n')).toEqual(['the hashing thread ended', 'true 2', '32']);
    expect(status).toBe(0);
  });

  it('throws when a binary is there and does not load', () => {
    mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
    writeFileSync(join(folder, 'build', 'Release', 'net_io.node'), 'not a shared object');
    const { output, status } = inCopy('loadNetIo({ useNative: true })');
    rmSync(join(folder, 'build'), { recursive: true });
    expect(output).toMatch(/ERR_DLOPEN_FAILED/);
    expect(status).not.toBe(0);
  });

  it.each([
    [
      'of another interface number',
      `{ interfaceNumber: ${INTERFACE_NUMBER - 1} }`,
      `interface ${INTERFACE_NUMBER - 1}`,
    ],
    ['of before there were numbers', '{}', 'interface none'],
  ])('refuses a binary %s, and says which file and what to do', (_, binding, found) => {
    const binary = join(folder, 'prebuilds', `${process.platform}-${process.arch}`, 'net_io.node');
    mkdirSync(join(binary, '..'), { recursive: true });
    writeFileSync(binary, '');
    const asOld = `require.extensions['.node'] = (module) => { module.exports = ${binding}; };`;
    const { output } = inCopy(
      `${asOld} try { loadNetIo({ useNative: true }); } catch (fault) { console.log(fault.name + ': ' + fault.message); }`,
    );
    rmSync(join(folder, 'prebuilds'), { recursive: true });
    expect(output.trim()).toBe(
      `StaleBinaryError: ${binary} was built from other sources (${found}, ${INTERFACE_NUMBER} is wanted): ` +
        'run npm run build, or delete it to run on the TypeScript fallback',
    );
  });

  it('has a number that changes with the calls: raise both numbers, then put the new sum here', () => {
    expect(loadBinding().interfaceNumber).toBe(INTERFACE_NUMBER);
    const source = readFileSync(join(nativeFolder, 'binding.ts'), 'utf8');
    const calls = source.slice(source.indexOf('export interface')).replace(/\/\*\*.*?\*\/|\s/gs, '');
    const sum = createHash('sha256').update(calls).digest('hex').slice(0, 8);
    expect([INTERFACE_NUMBER, sum]).toEqual([1, 'c3612282']);
  });
});
