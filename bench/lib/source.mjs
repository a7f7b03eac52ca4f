import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

const MIB = 1024 * 1024;

/** A file to send, made once a run, on the same tmpfs as everything else. */
export async function sourceFile(servers, sizeBytes) {
  const path = join(servers.place('source'), `${sizeBytes}.bin`);
  if (existsSync(path)) return path;
  const block = randomBytes(MIB);
  const file = createWriteStream(path);
  for (let written = 0; written < sizeBytes; written += MIB) {
    if (!file.write(block)) await new Promise((resolve) => file.once('drain', resolve));
  }
  file.end();
  await finished(file);
  return path;
}
