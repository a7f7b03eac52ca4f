import { execFile } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const BLOCK_BYTES = 1024 * 1024;
/** A sparse file has this much written at its start, in each of its gigabytes, and at its end. */
const ISLAND_BYTES = 256 * 1024;
const GIGABYTE = 1024 ** 3;

/**
 * Bytes of the endless pattern of a seed: AES in counter mode, so no two blocks are alike, any stretch can be made
 * alone, and nothing compresses it.
 */
export function patternBytes(seed: string, offset: number, sizeBytes: number): Buffer {
  const skippedBytes = offset % 16;
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / 16)), 8);
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, counter);
  return cipher.update(Buffer.alloc(skippedBytes + sizeBytes)).subarray(skippedBytes);
}

/** The ranges of a sparse file that hold bytes. */
function islandsOf(sizeBytes: number): { offset: number; length: number }[] {
  const offsets = [0, Math.max(0, sizeBytes - ISLAND_BYTES)];
  for (let offset = GIGABYTE; offset < sizeBytes; offset += GIGABYTE) offsets.push(offset);
  return offsets.map((offset) => ({ offset, length: Math.min(ISLAND_BYTES, sizeBytes - offset) }));
}

/**
 * Writes a file of the seed's pattern (about 1 GiB/s); the same seed and size give the same file.
 * @param options.isSparse only its start, its end and a place in each gigabyte hold bytes: as quick for any size
 */
export async function makePatternFile(
  path: string,
  sizeBytes: number,
  options: { seed?: string; isSparse?: boolean } = {},
): Promise<void> {
  const { seed = 'peerlink', isSparse = false } = options;
  const file = await open(path, 'w');
  try {
    await file.truncate(sizeBytes);
    for (const { offset, length } of isSparse ? islandsOf(sizeBytes) : [{ offset: 0, length: sizeBytes }]) {
      for (let at = offset; at < offset + length; at += BLOCK_BYTES) {
        const bytes = patternBytes(seed, at, Math.min(BLOCK_BYTES, offset + length - at));
        await file.write(bytes, 0, bytes.length, at);
      }
    }
  } finally {
    await file.close();
  }
}

/** The file's BLAKE3 as the b3sum program prints it: 64 hexadecimal digits, by none of our own code. */
export async function b3sum(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)('b3sum', ['--no-names', path], { timeout: 120_000 });
  return stdout.trim();
}
