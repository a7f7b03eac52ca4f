import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SetupError } from '../setup/process.mjs';
import { ask } from './ports.mjs';

/**
 * Makes this process the only one that runs servers on the folder, until `release` or its end: then nobody answers any
 * more at the port that it has written down there.
 * @returns {Promise<{ release: () => void }>}
 * @throws SetupError when another process has the folder
 */
export async function takeFolder(folder) {
  const path = join(folder, 'turn.json');
  if (existsSync(path)) {
    const { port, word } = JSON.parse(readFileSync(path, 'utf8'));
    // The port may be another program's by now; only the holder knows its word.
    if ((await ask(port, '')) === word)
      throw new SetupError(`another cluster runs on ${folder}: stop it, or set DATA_DIR to another folder`);
  }
  const word = randomBytes(24).toString('base64url');
  const server = createServer((socket) => socket.on('error', () => undefined).end(word));
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  // Under another name first: whoever reads it reads it whole.
  writeFileSync(`${path}.new`, `${JSON.stringify({ port: server.address().port, word })}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return { release: () => server.close() };
}
