import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tempDirectory } from '../../../test/support/cleanup.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { GIB, MAX_FILE_BYTES } from '../../contracts/limits.ts';
import {
  centralHeader,
  dataDescriptor,
  endRecords,
  localHeader,
  type WrittenEntry,
  type ZipEntry,
  zipLength,
} from './zip-layout.ts';

const U32 = 0xffff_ffff;
const at = new Date(Date.UTC(2026, 10, 22, 17, 30, 44));
const entry = (over: Partial<ZipEntry> = {}): ZipEntry => ({ path: 'a.txt', sizeBytes: 5, modifiedAt: at, ...over });

/** A whole zip of small files in memory. */
function zipOf(files: readonly { path: string; bytes: Buffer; modifiedAt?: Date }[]): Buffer {
  const parts: Buffer[] = [];
  const written: WrittenEntry[] = [];
  let offset = 0;
  const send = (bytes: Buffer) => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const { path, bytes, modifiedAt } of files) {
    const one = entry({ path, sizeBytes: bytes.length, modifiedAt: modifiedAt ?? at });
    const done = { ...one, crc32: crc32(bytes), offset };
    send(localHeader(one));
    send(bytes);
    send(dataDescriptor(one, done.crc32));
    written.push(done);
  }
  const directoryOffset = offset;
  for (const one of written) send(centralHeader(one));
  send(endRecords(written.length, offset - directoryOffset, directoryOffset));
  return Buffer.concat(parts);
}

/** What a reader that knows zip64 finds: an independent reading of the records (APPNOTE 4.3.12 to 4.3.16, 4.5.3). */
function readDirectory(records: Buffer, startsAt: number) {
  const end = records.length - 22;
  assert.equal(records.readUInt32LE(end), 0x06054b50);
  let count = records.readUInt16LE(end + 10);
  let bytes = records.readUInt32LE(end + 12);
  let offset = records.readUInt32LE(end + 16);
  if (count === 0xffff || bytes === U32 || offset === U32) {
    assert.equal(records.readUInt32LE(end - 20), 0x07064b50);
    const wide = Number(records.readBigUInt64LE(end - 20 + 8)) - startsAt;
    assert.equal(records.readUInt32LE(wide), 0x06064b50);
    assert.equal(Number(records.readBigUInt64LE(wide + 4)), 44);
    count = Number(records.readBigUInt64LE(wide + 32));
    bytes = Number(records.readBigUInt64LE(wide + 40));
    offset = Number(records.readBigUInt64LE(wide + 48));
  }
  const entries = [];
  for (let position = offset - startsAt; position < offset - startsAt + bytes; ) {
    assert.equal(records.readUInt32LE(position), 0x02014b50);
    const nameBytes = records.readUInt16LE(position + 28);
    const extraBytes = records.readUInt16LE(position + 30);
    let size = records.readUInt32LE(position + 24);
    let local = records.readUInt32LE(position + 42);
    let extra = position + 46 + nameBytes + 4;
    const nextWide = () => {
      extra += 8;
      return Number(records.readBigUInt64LE(extra - 8));
    };
    if (size === U32) {
      size = nextWide();
      assert.equal(nextWide(), size);
    }
    if (local === U32) local = nextWide();
    assert.equal(extra, position + 46 + nameBytes + Math.max(4, extraBytes));
    entries.push({ path: records.toString('utf8', position + 46, position + 46 + nameBytes), size, local });
    position += 46 + nameBytes + extraBytes;
  }
  return { count, offset, entries };
}

describe('a stored zip', () => {
  it('is read back by unzip: names in any script, empty files, times, and every byte', () => {
    const files = [
      { path: 'empty', bytes: Buffer.alloc(0) },
      { path: 'folder/日本語.txt', bytes: Buffer.from('hello') },
      { path: 'folder/deep/ünïcödé.bin', bytes: Buffer.alloc(100_000, 'x') },
    ];
    const zip = zipOf(files);
    expect(zip).toHaveLength(zipLength(files.map(({ path, bytes }) => entry({ path, sizeBytes: bytes.length }))));
    const path = join(tempDirectory('zip'), 'a.zip');
    writeFileSync(path, zip);
    const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
    execFileSync('unzip', ['-tqq', path], { env });
    for (const file of files) {
      expect(execFileSync('unzip', ['-p', path, file.path], { env }).equals(file.bytes)).toBe(true);
    }
    const list = execFileSync('unzip', ['-l', path], { env, encoding: 'utf8' });
    expect(list).toContain('2026-11-22 17:30   folder/日本語.txt');
  });

  it('of more than 65,535 files is read by unzip', () => {
    const files = Array.from({ length: 65_536 }, (_, index) => ({ path: `f/${index}`, bytes: Buffer.alloc(0) }));
    const path = join(tempDirectory('zip'), 'many.zip');
    writeFileSync(path, zipOf(files));
    const list = execFileSync('unzip', ['-l', path], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    expect(list).toMatch(/65536 files/);
    expect(list).toContain(' f/65535\n');
  });

  it.each([65_534, 65_535, 65_536])('of %d files says how many', (count) => {
    const directory = Buffer.concat(
      Array.from({ length: count }, () => centralHeader({ ...entry(), crc32: 0, offset: 0 })),
    );
    const found = readDirectory(Buffer.concat([directory, endRecords(count, directory.length, 0)]), 0);
    expect(found.count).toBe(count);
    expect(found.entries).toHaveLength(count);
  });

  it.each([U32 - 1, U32, U32 + 1, 5 * GIB, MAX_FILE_BYTES])('holds a file of %d bytes', (sizeBytes) => {
    const one = entry({ sizeBytes });
    const local = localHeader(one);
    const isWide = sizeBytes >= U32;
    expect(local.readUInt16LE(4)).toBe(isWide ? 45 : 20);
    expect(local.readUInt32LE(18)).toBe(isWide ? U32 : sizeBytes);
    expect(local.readUInt16LE(28)).toBe(isWide ? 20 : 0);
    if (isWide) {
      const extra = 30 + local.readUInt16LE(26);
      expect(local.readUInt16LE(extra)).toBe(1);
      expect(local.readUInt16LE(extra + 2)).toBe(16);
      expect(Number(local.readBigUInt64LE(extra + 4))).toBe(sizeBytes);
      expect(Number(local.readBigUInt64LE(extra + 12))).toBe(sizeBytes);
    }
    const descriptor = dataDescriptor(one, 0x12345678);
    expect(descriptor).toHaveLength(isWide ? 24 : 16);
    expect(descriptor.readUInt32LE(4)).toBe(0x12345678);
    expect(isWide ? Number(descriptor.readBigUInt64LE(16)) : descriptor.readUInt32LE(12)).toBe(sizeBytes);
  });

  it('keeps a time inside what DOS can say', () => {
    for (const [given, year] of [
      [new Date(0), 1980],
      [new Date(Date.UTC(2200, 0, 1)), 2107],
      [at, 2026],
    ] as const) {
      expect((localHeader(entry({ modifiedAt: given })).readUInt16LE(12) >> 9) + 1980).toBe(year);
    }
  });

  it('has its length before its bytes, and its records say where everything is, for any sizes and places', async () => {
    const size = fc.oneof(
      fc.nat({ max: 10 }),
      fc.integer({ min: U32 - 2, max: U32 + 2 }),
      fc.maxSafeNat().map((value) => value % MAX_FILE_BYTES),
    );
    const files = fc.array(fc.record({ path: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), size }), {
      maxLength: 6,
    });
    await fuzz(
      'zip layout',
      fc.property(files, (given) => {
        const entries = given.map((file) => entry({ path: file.path, sizeBytes: file.size }));
        const written: WrittenEntry[] = [];
        let offset = 0;
        for (const one of entries) {
          written.push({ ...one, crc32: 7, offset });
          offset += localHeader(one).length + one.sizeBytes + dataDescriptor(one, 7).length;
        }
        const directory = Buffer.concat(written.map(centralHeader));
        const records = Buffer.concat([directory, endRecords(written.length, directory.length, offset)]);
        assert.equal(zipLength(entries), offset + records.length);
        const found = readDirectory(records, offset);
        assert.equal(found.count, given.length);
        assert.equal(found.offset, offset);
        const wanted = written.map((one) => ({
          path: Buffer.from(one.path).toString(),
          size: one.sizeBytes,
          local: one.offset,
        }));
        assert.deepEqual(found.entries, wanted);
      }),
    );
  });
});
