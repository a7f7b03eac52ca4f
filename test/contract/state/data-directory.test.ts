import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { NetIo } from '../../../native/types.ts';
import { takeDataDirectory } from '../../../services/database/data-directory.ts';
import { tempDirectory } from '../../support/cleanup.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/waiting.ts';

type LockingNetIo = Pick<NetIo, 'kernels' | 'lockFile'>;

const withoutAddon: LockingNetIo = {
  kernels: () => ({ implementation: 'fallback', active: 'typescript', available: ['typescript'] }),
  lockFile: () => {
    throw new Error('the fallback has no flock');
  },
};

/** A process whose flock is granted or refused, whatever its sockets say. */
const withAddon = (isFree: boolean): LockingNetIo => ({
  kernels: () => ({ implementation: 'native', active: 'portable', available: ['portable'] }),
  lockFile: () => isFree,
});

const take = (directory: string, netIo: LockingNetIo = withoutAddon, bootId = 'boot-1') =>
  takeDataDirectory({ directory, slots: 'single', netIo, bootId });

function holder(directory: string, slots: 'single' | 'many', implementation: 'native' | 'fallback'): TestProcess {
  const program = require.resolve('./hold-data-directory.ts');
  return startProcess(process.execPath, ['--import', 'tsx', program, directory, slots, implementation], {
    cwd: path.resolve(__dirname, '../../..'),
  });
}

const openFilesIn = (directory: string): readonly string[] =>
  readdirSync('/proc/self/fd')
    .map((name) => path.join('/proc/self/fd', name))
    // The descriptor of this very look is closed by now.
    .flatMap((name) => (existsSync(name) ? [readlinkSync(name)] : []))
    .filter((name) => name.startsWith(directory));

const hasTaken = (process: TestProcess) => () => /^taken (.*)$/m.exec(process.log())?.[1];

describe('a data directory', () => {
  it('keeps its node id for ever and remembers its cluster', async () => {
    const directory = tempDirectory('data');
    const first = await take(directory);
    // Names of files and who sends them are in the database inside.
    expect(statSync(first.path).mode & 0o077).toBe(0);
    await first.bindCluster('cluster-a');
    await first.confirmBoot();
    await first.release();
    const second = await take(directory);
    expect(second.nodeId).toBe(first.nodeId);
    expect(second.nodeId).toMatch(/^[1-9A-Za-z]{12}$/);
    await expect(second.bindCluster('cluster-b')).rejects.toMatchObject({
      type: 'unavailable',
      message: expect.stringContaining('cluster-b'),
    });
    await second.bindCluster('cluster-a');
    await second.release();
  });

  it('finds another boot until what it held was verified', async () => {
    const directory = tempDirectory('data');
    const before = await take(directory, withoutAddon, 'boot-1');
    expect(before.isSameBoot).toBe(true);
    await before.release();
    const after = await take(directory, withoutAddon, 'boot-2');
    expect(after.isSameBoot).toBe(false);
    await after.release();
    const interrupted = await take(directory, withoutAddon, 'boot-2');
    expect(interrupted.isSameBoot).toBe(false);
    await interrupted.confirmBoot();
    await interrupted.release();
    const verified = await take(directory, withoutAddon, 'boot-2');
    expect(verified.isSameBoot).toBe(true);
    await verified.release();
  });

  it('stops the start when node.json is damaged instead of taking a new identity', async () => {
    const directory = tempDirectory('data');
    await mkdir(path.join(directory, 'node-0'));
    const file = path.join(directory, 'node-0', 'node.json');
    for (const text of [
      '',
      '{"nodeId": 7}',
      '{"nodeId":"a","clusterId":3,"bootId":"b"}',
      '{"nodeId":"","clusterId":null,"bootId":"b"}',
    ]) {
      writeFileSync(file, text);
      await expect(take(directory)).rejects.toMatchObject({
        type: 'unavailable',
        message: expect.stringContaining('node.json'),
      });
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });

  it('names the path and the reason when the file system refuses', async () => {
    const file = path.join(tempDirectory('data'), 'file');
    writeFileSync(file, '');
    await expect(take(file)).rejects.toMatchObject({
      type: 'unavailable',
      message: expect.stringMatching(/^DATA_DIR: .*\/file.* is not a folder/),
    });
    const nowhere = path.join(tempDirectory('data'), 'link');
    symlinkSync(path.join(nowhere, '..', 'not-mounted'), nowhere);
    await expect(take(nowhere)).rejects.toMatchObject({ message: expect.stringContaining('link is not a folder') });
  });

  // Node's own recursive mkdir goes on for ever here.
  it('names a path where the system makes no folders', async () => {
    await expect(take('/proc/peerlink/data')).rejects.toMatchObject({
      type: 'unavailable',
      message: expect.stringMatching(/^DATA_DIR: \/proc/),
    });
  }, 10_000);

  it('is held against a second taker in the same process until it is released', async () => {
    const directory = tempDirectory('data');
    const first = await take(directory);
    await expect(take(directory)).rejects.toMatchObject({ message: expect.stringContaining('DATA_DIR') });
    await first.release();
    await first.release();
    await (await take(directory)).release();
  });

  it('is seen as taken from a process with the addon by one without it, and the other way round', async () => {
    const directory = tempDirectory('data');
    const native = await take(directory, withAddon(true));
    await expect(take(directory, withoutAddon)).rejects.toMatchObject({ type: 'unavailable' });
    await native.release();
    const fallback = await take(directory, withoutAddon);
    await expect(take(directory, withAddon(true))).rejects.toMatchObject({ type: 'unavailable' });
    await fallback.release();
    await expect(take(directory, withAddon(false))).rejects.toMatchObject({ type: 'unavailable' });
    // A file that stays open would keep the flock of a folder that this process does not have.
    expect(openFilesIn(directory)).toEqual([]);
  });

  it('lies at paths longer than a socket address', async () => {
    const directory = path.join(tempDirectory('data'), 'x'.repeat(120), 'y'.repeat(120));
    const first = await take(directory);
    await expect(take(directory)).rejects.toMatchObject({ type: 'unavailable' });
    await first.release();
  });

  it('gives each of ten takers at once a slot of its own', async () => {
    const directory = tempDirectory('data');
    const taken = await Promise.all(
      Array.from({ length: 10 }, () => takeDataDirectory({ directory, slots: 'many', netIo: withoutAddon })),
    );
    expect(new Set(taken.map((one) => one.path)).size).toBe(10);
    expect(new Set(taken.map((one) => one.nodeId)).size).toBe(10);
    await Promise.all(taken.map((one) => one.release()));
    const again = await takeDataDirectory({ directory, slots: 'many', netIo: withoutAddon });
    expect(again.path).toBe(path.join(directory, 'node-0'));
    await again.release();
  });

  it('lets exactly one of twenty follow a dead lock, fifty times', async () => {
    const directory = tempDirectory('data');
    for (let round = 0; round < 50; round += 1) {
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => take(directory)));
      const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(taken).toHaveLength(1);
      await taken[0]?.value.release();
    }
    // Dead locks are cleared away by their followers, and no draft is left.
    expect(readdirSync(path.join(directory, 'node-0')).filter((name) => name.endsWith('.socket'))).toHaveLength(1);
  });
});

describe.each([
  { first: 'native', second: 'native' },
  { first: 'fallback', second: 'fallback' },
  { first: 'native', second: 'fallback' },
  { first: 'fallback', second: 'native' },
] as const)('processes on one data directory, $first before $second', ({ first, second }) => {
  it('are refused while one that is alive, if only stopped, has it, and take it over from a killed one', async () => {
    const directory = tempDirectory('data');
    const holding = holder(directory, 'single', first);
    await waitFor('the first process has taken the directory', 15_000, hasTaken(holding));
    holding.signal('SIGSTOP');
    const refused = holder(directory, 'single', second);
    expect(await refused.exited(15_000)).toEqual({ code: 1, signal: null });
    expect(refused.log()).toContain('in use by another PeerLink process');
    await holding.kill9();
    const following = holder(directory, 'single', second);
    await waitFor('another process has taken the directory', 15_000, hasTaken(following));
  }, 60_000);
});

describe('processes on one volume', () => {
  it('take the slot of a killed one before a new slot', async () => {
    const directory = tempDirectory('data');
    const first = holder(directory, 'many', 'native');
    expect(await waitFor('the first slot', 15_000, hasTaken(first))).toBe(path.join(directory, 'node-0'));
    const second = holder(directory, 'many', 'native');
    expect(await waitFor('the second slot', 15_000, hasTaken(second))).toBe(path.join(directory, 'node-1'));
    await first.kill9();
    const third = holder(directory, 'many', 'native');
    expect(await waitFor('the first slot again', 15_000, hasTaken(third))).toBe(path.join(directory, 'node-0'));
  }, 60_000);
});
