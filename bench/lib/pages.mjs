import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Writes and removes as much as the contenders will: a virtual machine gets memory from its host at the first touch,
 * and whoever came first would pay for it.
 */
export async function touchPages(folder, sizeBytes) {
  const path = join(folder, 'touched');
  const file = openSync(path, 'w');
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  for (let written = 0; written < sizeBytes; written += BLOCK_BYTES) writeSync(file, block);
  closeSync(file);
  rmSync(path);
}
