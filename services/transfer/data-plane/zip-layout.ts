/**
 * The bytes of a stored zip around the files' own (PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16). Sizes stand in
 * the local header, so that a reader can stream it; the CRC-32 is known only behind the file and stands in the data
 * descriptor. zip64 fields are there exactly where 32 bits do not hold the value.
 */
export interface ZipEntry {
  /** Path with `/`, UTF-8. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
}
export interface WrittenEntry extends ZipEntry {
  readonly crc32: number;
  /** Of the local header, from the start of the zip. */
  readonly offset: number;
}

const U32_MAX = 0xffff_ffff;
const U16_MAX = 0xffff;
const FLAG_DESCRIPTOR = 0x0008;
const FLAG_UTF8 = 0x0800;
const VERSION_20 = 20;
const VERSION_ZIP64 = 45;
const MADE_BY_UNIX = 3 << 8;
const MODE_FILE_0644 = 0o100644;

function isZip64(entry: ZipEntry): boolean {
  return entry.sizeBytes >= U32_MAX;
}

const extraFieldBytes = (valueCount: number): number => (valueCount === 0 ? 0 : 4 + valueCount * 8);
const localHeaderBytes = (entry: ZipEntry, nameBytes: number): number =>
  30 + nameBytes + extraFieldBytes(isZip64(entry) ? 2 : 0);
const dataDescriptorBytes = (entry: ZipEntry): number => (isZip64(entry) ? 24 : 16);
const centralHeaderBytes = (entry: ZipEntry, nameBytes: number, offset: number): number =>
  46 + nameBytes + extraFieldBytes((isZip64(entry) ? 2 : 0) + Number(offset >= U32_MAX));

export function localHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.path);
  const header = Buffer.alloc(localHeaderBytes(entry, name.length));
  const extraBytes = header.length - 30 - name.length;
  const size = isZip64(entry) ? U32_MAX : entry.sizeBytes;
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isZip64(entry) ? VERSION_ZIP64 : VERSION_20, 4);
  header.writeUInt16LE(FLAG_DESCRIPTOR | FLAG_UTF8, 6);
  writeDosTime(header, entry.modifiedAt, 10);
  header.writeUInt32LE(size, 18);
  header.writeUInt32LE(size, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extraBytes, 28);
  name.copy(header, 30);
  if (extraBytes > 0) writeZip64Extra(header, 30 + name.length, [entry.sizeBytes, entry.sizeBytes]);
  return header;
}

export function dataDescriptor(entry: ZipEntry, crc32: number): Buffer {
  const descriptor = Buffer.alloc(dataDescriptorBytes(entry));
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc32, 4);
  if (isZip64(entry)) {
    descriptor.writeBigUInt64LE(BigInt(entry.sizeBytes), 8);
    descriptor.writeBigUInt64LE(BigInt(entry.sizeBytes), 16);
  } else {
    descriptor.writeUInt32LE(entry.sizeBytes, 8);
    descriptor.writeUInt32LE(entry.sizeBytes, 12);
  }
  return descriptor;
}

export function centralHeader(entry: WrittenEntry): Buffer {
  const name = Buffer.from(entry.path);
  const wide: number[] = [];
  if (isZip64(entry)) wide.push(entry.sizeBytes, entry.sizeBytes);
  const isFar = entry.offset >= U32_MAX;
  if (isFar) wide.push(entry.offset);
  const size = isZip64(entry) ? U32_MAX : entry.sizeBytes;
  const header = Buffer.alloc(centralHeaderBytes(entry, name.length, entry.offset));
  const extraBytes = header.length - 46 - name.length;
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 4);
  header.writeUInt16LE(wide.length > 0 ? VERSION_ZIP64 : VERSION_20, 6);
  header.writeUInt16LE(FLAG_DESCRIPTOR | FLAG_UTF8, 8);
  writeDosTime(header, entry.modifiedAt, 12);
  header.writeUInt32LE(entry.crc32, 16);
  header.writeUInt32LE(size, 20);
  header.writeUInt32LE(size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extraBytes, 30);
  header.writeUInt32LE((MODE_FILE_0644 << 16) >>> 0, 38);
  header.writeUInt32LE(isFar ? U32_MAX : entry.offset, 42);
  name.copy(header, 46);
  if (extraBytes > 0) writeZip64Extra(header, 46 + name.length, wide);
  return header;
}

/** What ends a zip: zip64 records where needed, then the end of central directory. */
export function endRecords(entryCount: number, directoryBytes: number, directoryOffset: number): Buffer {
  const isWide = entryCount >= U16_MAX || directoryBytes >= U32_MAX || directoryOffset >= U32_MAX;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entryCount, U16_MAX), 8);
  end.writeUInt16LE(Math.min(entryCount, U16_MAX), 10);
  end.writeUInt32LE(Math.min(directoryBytes, U32_MAX), 12);
  end.writeUInt32LE(Math.min(directoryOffset, U32_MAX), 16);
  if (!isWide) return end;
  const wide = Buffer.alloc(56 + 20);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 12);
  wide.writeUInt16LE(VERSION_ZIP64, 14);
  wide.writeBigUInt64LE(BigInt(entryCount), 24);
  wide.writeBigUInt64LE(BigInt(entryCount), 32);
  wide.writeBigUInt64LE(BigInt(directoryBytes), 40);
  wide.writeBigUInt64LE(BigInt(directoryOffset), 48);
  wide.writeUInt32LE(0x07064b50, 56);
  wide.writeBigUInt64LE(BigInt(directoryOffset + directoryBytes), 64);
  wide.writeUInt32LE(1, 72);
  return Buffer.concat([wide, end]);
}

/**
 * Length of the whole zip: its Content-Length before a byte of it is read. Counted, not built: anybody may ask for the
 * head of a share of 10,000 files.
 */
export function zipLength(entries: readonly ZipEntry[]): number {
  let offset = 0;
  let directoryBytes = 0;
  for (const entry of entries) {
    const nameBytes = Buffer.byteLength(entry.path);
    directoryBytes += centralHeaderBytes(entry, nameBytes, offset);
    offset += localHeaderBytes(entry, nameBytes) + entry.sizeBytes + dataDescriptorBytes(entry);
  }
  return offset + directoryBytes + endRecords(entries.length, directoryBytes, offset).length;
}

function writeZip64Extra(target: Buffer, at: number, values: readonly number[]): void {
  target.writeUInt16LE(0x0001, at);
  target.writeUInt16LE(values.length * 8, at + 2);
  for (const [index, value] of values.entries()) target.writeBigUInt64LE(BigInt(value), at + 4 + index * 8);
}

/** DOS time (2 s steps, UTC, 1980 to 2107), then DOS date. */
function writeDosTime(target: Buffer, date: Date, at: number): void {
  const year = Math.min(Math.max(date.getUTCFullYear(), 1980), 2107);
  target.writeUInt16LE((date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1), at);
  target.writeUInt16LE(((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate(), at + 2);
}
