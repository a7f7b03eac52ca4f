import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The passwords of the stores in this folder, made once: other users of the machine reach loopback as well. */
export function storePasswords(folder) {
  const path = join(folder, 'passwords.json');
  if (!existsSync(path)) {
    const make = () => randomBytes(24).toString('base64url');
    // Under another name first: half a file would be there for ever.
    writeFileSync(`${path}.new`, `${JSON.stringify({ postgres: make(), redis: make() })}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return JSON.parse(readFileSync(path, 'utf8'));
}
