import { execFileSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { mkdir, open, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadNetIo } from '../../../native/index.ts';
import { MIB } from '../../../services/contracts/limits.ts';
import { ManualClock } from '../../../services/kernel/clock.ts';
import { FsChunkStore } from '../../../services/transfer/adapters/fs-chunk-store.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { patternBytes } from '../../support/files.ts';
import { fuzz } from '../../support/fuzz.ts';
import { startProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/waiting.ts';
import { type ChunkStoreHarness, describeChunkStore } from './chunk-store.suite.ts';

const implementations = [
  ['native', loadNetIo({ useNative: true })],
  ['fallback', loadNetIo({ useNative: false })],
] as const;

function pathOf(directory: string, fileId: string): string {
  return join(directory, 'files', fileId.slice(0, 2), `${fileId}.bytes`);
}

/** A small file system of its own; gone with the test file. */
function tinyDisk(sizeBytes: number): string {
  const directory = tempDirectory('tiny');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory]);
  atEnd(() => void execFileSync('umount', ['-l', directory]));
  return directory;
}

describe.each(implementations)('FsChunkStore on the %s net_io', (name, netIo) => {
  const directory = tempDirectory('store');
  const harness: ChunkStoreHarness = {
    open: () => new FsChunkStore(directory, netIo),
    damage: async (fileId, offset) => {
      const file = await open(pathOf(directory, fileId), 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, offset);
      byte[0] = (byte[0] ?? 0) ^ 0x10;
      await file.write(byte, 0, 1, offset);
      await file.close();
    },
    cut: async (fileId, sizeBytes) => truncateSync(pathOf(directory, fileId), sizeBytes),
  };

  it('runs on what it says', () => {
    expect(netIo.kernels().implementation).toBe(name);
  });

  describeChunkStore(() => harness);

  it('keeps what was set aside for its days, whatever the machine’s clock said then and says now', async () => {
    const [day, clock] = [86_400_000, new ManualClock(Date.UTC(2020, 0, 1))];
    const store = new FsChunkStore(tempDirectory('aside'), netIo, { clock });
    await (await store.create('aside12345', { chunkSizeBytes: 16_384, sizeBytes: 1 })).close();
    await store.setAside('aside12345');
    clock.advance(6 * day);
    expect(await store.purgeSetAside(7 * day)).toBe(0);
    clock.advance(2 * day);
    expect(await store.purgeSetAside(7 * day)).toBe(2);
  });

  it('removes values before bytes: what is left of a removal that did not end claims nothing', async () => {
    const folder = tempDirectory('removed');
    const store = new FsChunkStore(folder, netIo);
    const geometry = { chunkSizeBytes: 16_384, sizeBytes: 16_384 };
    const stored = await store.create('Remove1234', geometry);
    await stored.writeAndCommitChunk(0, [Buffer.alloc(16_384)]);
    await stored.close();
    // The system refuses to unlink what is a folder.
    await rm(pathOf(folder, 'Remove1234'));
    await mkdir(pathOf(folder, 'Remove1234'));
    await expect(store.remove('Remove1234')).rejects.toMatchObject({ code: expect.any(String) });
    await rmdir(pathOf(folder, 'Remove1234'));
    const again = await store.create('Remove1234', geometry);
    expect(again.values.count).toBe(0);
    await again.close();
  });

  it('refuses an id that could name another place', async () => {
    const store = harness.open();
    for (const id of ['../../etc/passwd', 'a/b', '', '.', 'with space', 'x'.repeat(65)]) {
      await expect(store.create(id, { chunkSizeBytes: 16_384, sizeBytes: 1 })).rejects.toMatchObject({
        type: 'internal',
      });
      await expect(store.open(id, { chunkSizeBytes: 16_384, sizeBytes: 1 })).rejects.toMatchObject({
        type: 'internal',
      });
    }
  });

  it('says disk_full when the disk is, keeps what it has, and goes on when there is space', async () => {
    const disk = tinyDisk(4 * MIB);
    const store = new FsChunkStore(disk, netIo, { reservedBytes: 0 });
    const geometry = { chunkSizeBytes: MIB, sizeBytes: 16 * MIB };
    const ballast = await store.create('Ba11ast1', geometry);
    await ballast.commitChunk(0, await ballast.writeChunk(0, [patternBytes('ballast', 0, MIB)]));
    const stored = await store.create('Fu11fi1e', geometry);
    let committed = 0;
    let refusal: unknown;
    for (let index = 0; index < 8 && refusal === undefined; index += 1) {
      const bytes = patternBytes('full', index * MIB, MIB);
      try {
        await stored.commitChunk(index, await stored.writeChunk(index, [bytes]));
        committed += 1;
      } catch (fault) {
        refusal = fault;
      }
    }
    expect(refusal).toMatchObject({ type: 'disk_full', status: 507 });
    expect(committed).toBeGreaterThanOrEqual(2);
    expect(stored.values.count).toBe(committed);
    const buffer = Buffer.alloc(MIB);
    for (let index = 0; index < committed; index += 1) {
      expect(await stored.readChunk(index, buffer, MIB)).toBe(true);
      expect(buffer.equals(patternBytes('full', index * MIB, MIB))).toBe(true);
    }
    await ballast.close();
    await store.remove('Ba11ast1');
    await stored.commitChunk(
      committed,
      await stored.writeChunk(committed, [patternBytes('full', committed * MIB, MIB)]),
    );
    expect(stored.values.ranges()).toEqual([[0, committed + 1]]);
    await stored.close();
  });

  it.each(['writeChunk', 'writeAndCommitChunk'] as const)('leaves the reserve to the database (%s)', async (how) => {
    const disk = tinyDisk(4 * MIB);
    const store = new FsChunkStore(disk, netIo);
    const stored = await store.create('Reserved1', { chunkSizeBytes: MIB, sizeBytes: 16 * MIB });
    const write = (index: number) => stored[how](index, [patternBytes('reserve', index * MIB, MIB)]);
    for (const index of [0, 1, 2]) await write(index);
    await expect(write(3)).rejects.toMatchObject({ type: 'disk_full' });
    // An eighth of a disk so small.
    expect((await store.freeBytes()).freeBytes).toBeGreaterThanOrEqual(MIB / 2);
    await stored.close();
  });
});

describe('FsChunkStore of a killed process', () => {
  it('has every chunk that was committed, and none that does not verify', async () => {
    const directory = tempDirectory('killed');
    const writer = startProcess(
      process.execPath,
      ['--import', 'tsx', join(__dirname, 'write-until-killed.ts'), directory],
      { cwd: resolve(__dirname, '../../..') },
    );
    await waitFor('some hundred chunks', 60_000, () => writer.log().split('\n').length > 300);
    await writer.kill9();
    const said = writer.log().split('\n').slice(0, -1).map(Number);
    expect(said.length).toBeLessThan(4096);
    const store = new FsChunkStore(directory, loadNetIo({ useNative: true }));
    const stored = await store.open('Ki11edfi1e', { chunkSizeBytes: 16_384, sizeBytes: 4096 * 16_384 });
    if (stored === null) throw new Error('the file is gone');
    for (const index of said) expect(stored.values.has(index)).toBe(true);
    const buffer = Buffer.alloc(16_384);
    let readCount = 0;
    for (const [start, end] of stored.values.ranges()) {
      for (let index = start; index < end; index += 1) {
        expect(await stored.readChunk(index, buffer, 16_384)).toBe(true);
        if (!buffer.equals(patternBytes('killed', index * 16_384, 16_384))) throw new Error(`chunk ${index} differs`);
        readCount += 1;
      }
    }
    expect(readCount).toBeGreaterThanOrEqual(said.length);
    await stored.close();
  }, 90_000);
});

describe('FsChunkStore under any history', () => {
  it('has exactly the chunks that were committed and not dropped, also when it is opened anew', async () => {
    const directory = tempDirectory('history');
    const netIo = loadNetIo({ useNative: true });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('store'), index: fc.nat({ max: 6 }) }),
      fc.record({ kind: fc.constant('write only'), index: fc.nat({ max: 6 }) }),
      fc.record({ kind: fc.constant('drop'), index: fc.nat({ max: 6 }) }),
      fc.record({ kind: fc.constant('reopen'), index: fc.constant(0) }),
    );
    const geometry = { chunkSizeBytes: 16_384, sizeBytes: 6 * 16_384 + 100 };
    const bytesOf = (index: number) => patternBytes('history', index * 16_384, index === 6 ? 100 : 16_384);
    let run = 0;
    await fuzz(
      'FsChunkStore histories',
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const id = `History${String(++run).replaceAll('0', 'x')}`;
        let store = new FsChunkStore(directory, netIo);
        let stored = await store.create(id, geometry);
        const model = new Set<number>();
        for (const { kind, index } of steps) {
          if (kind === 'reopen') {
            await stored.close();
            store = new FsChunkStore(directory, netIo);
            stored = await store.create(id, geometry);
          } else if (kind === 'drop') {
            await stored.dropChunk(index);
            model.delete(index);
          } else if (!model.has(index)) {
            const value = await stored.writeChunk(index, [bytesOf(index)]);
            if (kind === 'store') {
              await stored.commitChunk(index, value);
              model.add(index);
            }
          }
        }
        const buffer = Buffer.alloc(16_384);
        for (let index = 0; index < 7; index += 1) {
          if (stored.values.has(index) !== model.has(index)) throw new Error(`chunk ${index}`);
          if (!model.has(index)) continue;
          const { length } = bytesOf(index);
          if (!(await stored.readChunk(index, buffer, length))) throw new Error(`chunk ${index} does not verify`);
          if (!buffer.subarray(0, length).equals(bytesOf(index))) throw new Error(`chunk ${index} differs`);
        }
        await stored.close();
        await store.remove(id);
      }),
      { cases: 300 },
    );
  }, 120_000);
});
