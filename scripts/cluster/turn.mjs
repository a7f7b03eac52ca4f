import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { followLock, readLock } from '../setup/numbered-lock.mjs';
import { SetupError } from '../setup/process.mjs';
import { ask } from './ports.mjs';

/**
 * Makes this process the only one that runs servers on the folder, until `release` or its end: then nobody answers any
 * more at the port that it has written down there.
 * @returns {Promise<{ release: () => void }>}
 * @throws SetupError when another process has the folder
 */
export async function takeFolder(folder) {
  const path = join(folder, 'turn');
  const word = randomBytes(24).toString('base64url');
  const server = createServer((socket) => socket.on('error', () => undefined).end(word));
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const own = JSON.stringify({ port: server.address().port, word });
  for (;;) {
    const { number, text } = readLock(path);
    if (text !== '' && (await isAnswered(JSON.parse(text)))) {
      server.close();
      throw new SetupError(`another cluster runs on ${folder}: stop it, or set DATA_DIR to another folder`);
    }
    if (followLock(path, number, own)) return { release: () => server.close() };
  }
}

/** The port may be another program's by now; only the holder knows its word. */
async function isAnswered({ port, word }) {
  return (await ask(port, '')) === word;
}
