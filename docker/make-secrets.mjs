// Makes the passwords of an installation once, into a volume that only its services mount. Running it again changes
// nothing: a file that is there is kept.
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: make-secrets.mjs <folder>');

/** The file's text; made when it is not there. Services run under different users, so all may read the file; who can
 * reach the volume is decided by who mounts it. */
function secretFile(name, makeText) {
  const path = join(folder, name);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const text = makeText();
  // Under another name first: whoever reads it reads it whole. One that a run left behind may only be read.
  rmSync(`${path}.new`, { force: true });
  const descriptor = openSync(`${path}.new`, 'w', 0o444);
  writeSync(descriptor, `${text}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${path}.new`, path);
  process.stdout.write(`made ${name}\n`);
  return text;
}

const password = () => randomBytes(24).toString('base64url');

const postgresPassword = secretFile('postgres_password', password);
secretFile('database_url', () => `postgresql://peerlink:${postgresPassword}@postgres:5432/peerlink`);
const redisPassword = secretFile('redis_password', password);
// In a file, because the arguments of a process can be read by everybody on the machine.
secretFile('redis.conf', () =>
  ['bind * -::*', 'port 6379', `requirepass ${redisPassword}`, 'save ""', 'appendonly no'].join('\n'),
);
secretFile('cluster_secret', password);
