import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NetIo } from '../../native/types.ts';
import { createPrismaClusterRepository } from '../cluster/adapters/prisma-cluster-repository.ts';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { takeDataDirectory } from '../database/data-directory.ts';
import { openDatabase } from '../database/open-database.ts';
import { codeOf } from '../database/system-faults.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLogger } from '../logging.ts';
import { createPrismaOperatorTokenStore } from '../operator/adapters/prisma-operator-token-store.ts';
import { OperatorTokens } from '../operator/operator-tokens.ts';
import { askOperator } from '../repl/operator-client.ts';
import { operatorSocketPath } from '../repl/operator-server.ts';

/**
 * A new token for the operator: by a process that runs on the data directory, which tells the others; else on the database
 * itself, of which the embedded one is taken as a start takes it.
 * @throws unavailable with a text for the operator
 */
export async function renewAdminToken(config: Config, openNetIo: () => NetIo): Promise<string> {
  const told = await askRunning(config.dataDirectory);
  if (told !== null) return told;
  if (config.databaseUrl !== null) return renewOn(config.databaseUrl, config.dataDirectory);
  if (!existsSync(join(config.dataDirectory, 'node-0'))) {
    throw new PeerLinkError(
      'unavailable',
      `no PeerLink has started on ${config.dataDirectory} yet; npm start prints the token at its first start`,
    );
  }
  const directory = await takeDataDirectory({ directory: config.dataDirectory, slots: 'single', netIo: openNetIo() });
  try {
    return await renewOn(null, directory.path);
  } finally {
    await directory.release();
  }
}

async function renewOn(url: string | null, directory: string): Promise<string> {
  const database = await openDatabase({ url, directory, log: createLogger({ level: 'silent' }) });
  try {
    // The row may not be there yet: then it is made as the first node would.
    const { secret } = await createPrismaClusterRepository(database).identity();
    return await new OperatorTokens(createPrismaOperatorTokenStore(database), secret, systemClock).renew();
  } finally {
    await database.close();
  }
}

/** Null: no process runs on it. */
async function askRunning(dataDirectory: string): Promise<string | null> {
  const slots = existsSync(dataDirectory) ? readdirSync(dataDirectory).filter((name) => /^node-\d+$/.test(name)) : [];
  for (const slot of slots) {
    const path = operatorSocketPath(join(dataDirectory, slot));
    if (!existsSync(path)) continue;
    try {
      const said = await askOperator(path, { command: 'admin-token' });
      if ('token' in said) return said.token;
      throw new PeerLinkError('unavailable', 'message' in said ? said.message : 'it did not answer the question');
    } catch (fault) {
      // Left by a process that was killed.
      if (!['ECONNREFUSED', 'ENOENT'].includes(codeOf(fault) ?? '')) throw fault;
    }
  }
  return null;
}
