import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { loadNetIo } from '../index.ts';
import { pattern } from './support.ts';

const tsx = require.resolve('tsx/cjs');

/**
 * The system may do less than a call asks for, or be interrupted by a signal; a disk seldom does either. This stands before
 * the system's calls, from when GRUDGING is set: every other one is interrupted, the others take at most MOST bytes, whatever ends there.
 */
const GRUDGING = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#define MOST 1000
static __thread int calls;
static int is_generous(void) { return getenv("GRUDGING") == NULL; }
static int interrupted(void) { errno = EINTR; return ++calls % 2; }
ssize_t pread64(int fd, void* to, size_t size, off64_t at) {
  static ssize_t (*real)(int, void*, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pread64");
  if (is_generous()) return real(fd, to, size, at);
  return interrupted() ? -1 : real(fd, to, size < MOST ? size : MOST, at);
}
ssize_t pread(int fd, void* to, size_t size, off_t at) { return pread64(fd, to, size, at); }
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  static ssize_t (*real)(int, const struct iovec*, int, off64_t);
  struct iovec few[64];
  int i;
  size_t left = MOST;
  if (!real) real = dlsym(RTLD_NEXT, "pwritev64");
  if (is_generous()) return real(fd, parts, count, at);
  if (interrupted()) return -1;
  for (i = 0; i < count && left > 0; i++) {
    few[i] = parts[i];
    if (few[i].iov_len > left) few[i].iov_len = left;
    left -= few[i].iov_len;
  }
  return real(fd, few, i, at);
}
ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }
ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  if (is_generous()) return real(fd, from, size, at);
  return interrupted() ? -1 : real(fd, from, size < MOST ? size : MOST, at);
}
ssize_t pwrite(int fd, const void* from, size_t size, off_t at) { return pwrite64(fd, from, size, at); }
int flock(int fd, int operation) {
  static int (*real)(int, int);
  if (!real) real = dlsym(RTLD_NEXT, "flock");
  return !is_generous() && interrupted() ? -1 : real(fd, operation);
}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'net-io-short-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs code in a process of its own, with net_io as `netIo`. */
function run(code: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): unknown {
  const script = `const fs = require('node:fs');
    const netIo = require(${JSON.stringify(join(__dirname, '..', 'index.ts'))}).loadNetIo({ useNative: process.env.FALLBACK !== '1' });
    const show = (fault) => [fault.code, fault.message];
    (async () => { ${code} })().then((found) => console.log(JSON.stringify(found)));`;
  const [program, ...before] = [...command, process.execPath];
  const args = [...before, '--require', tsx, '--eval', script];
  const child = spawnSync(program, args, { encoding: 'utf8', timeout: 30_000, env: { ...process.env, ...env } });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

it.each([
  ['native', {}],
  ['fallback', { FALLBACK: '1' }],
])(
  '%s: goes on where the system stopped, and again where a signal interrupted it',
  (_, env) => {
    const library = join(folder, 'grudging.so');
    writeFileSync(join(folder, 'grudging.c'), GRUDGING);
    const compiled = spawnSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'grudging.c'), '-ldl']);
    expect(compiled.stderr.toString()).toBe('');
    const file = join(folder, 'written');
    const bytes = pattern(300_000);
    // Buffers that end before, at and behind the byte at which a call stops, empty ones, and more than one call takes.
    const lengths = [...Array.from({ length: 200 }, (_, i) => (i * 37) % 101), 1000, 999, 1001, 0, 3000];
    const value = loadNetIo({ useNative: true }).chunkValueSync([bytes], 0).toString('hex');
    const found = run(
      `const bytes = Buffer.from(Array.from({ length: ${bytes.length} }, (_, i) => i % 251));
     const fd = fs.openSync(${JSON.stringify(file)}, 'w+');
     const pieces = [];
     let at = 0;
     for (const length of ${JSON.stringify(lengths)}) pieces.push(bytes.subarray(at, (at += length)));
     pieces.push(bytes.subarray(at));
     await netIo.hashAsync(Buffer.alloc(1)); // A thread that the fallback starts has read its modules.
     process.env.GRUDGING = '1';
     const written = await netIo.writeAndHash(fd, pieces, 0, 0);
     const target = Buffer.alloc(bytes.length);
     const read = await netIo.readAndVerify(fd, target, 0, bytes.length, 0);
     return [written.toString('hex'), read.toString('hex'), target.equals(bytes), netIo.lockFile(fd),
       await netIo.hashFileRange(fd, 5000, 300_000, 0).catch(show)];`,
      [],
      { LD_PRELOAD: library, ...env },
    );
    const short = ['SHORT_READ', 'read at byte 5000: the file ends after 295000 of 300000 bytes'];
    expect(found).toEqual([value, value, true, true, short]);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  },
  60_000,
);

it.each([
  ['native', {}],
  ['fallback', { FALLBACK: '1' }],
])(
  '%s: what a file has no more room for is a fault, and is not recorded',
  (name, env) => {
    const [file, values] = [join(folder, `${name}-bytes`), join(folder, `${name}-values`)];
    // A limit of 100 blocks of 512 bytes: the system takes as much of a write as fits.
    const found = run(
      `const bytes = Buffer.from(Array.from({ length: 40_000 }, (_, i) => i % 251));
     const [fd, valuesFd] = [${JSON.stringify(file)}, ${JSON.stringify(values)}].map((path) => fs.openSync(path, 'w+'));
     return netIo.writeHashAndRecord(fd, [bytes.subarray(0, 20_000), bytes.subarray(20_000)], 32_768, 0, valuesFd, 0).catch(show);`,
      ['sh', '-c', 'ulimit -f 100 && exec "$@"', 'sh'],
      env,
    );
    expect(found).toEqual(['EFBIG', 'EFBIG: write at byte 51200: file too large']);
    expect(
      readFileSync(file)
        .subarray(32_768)
        .equals(pattern(51_200 - 32_768)),
    ).toBe(true);
    expect(readFileSync(values)).toHaveLength(0);
  },
  60_000,
);
