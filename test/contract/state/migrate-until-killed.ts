import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { Client } from 'pg';
import { applyMigrations, type Migration } from '../../../services/database/migrate.ts';
import {
  migrationConnectionOfClient,
  migrationConnectionOfPglite,
} from '../../../services/database/migration-connections.ts';
import { openDatabase } from '../../../services/database/open-database.ts';

/**
 * Prints `begin`, applies migrations and prints `applied N`. Arguments: `postgresql <url> <file of migrations>`,
 * `pglite <folder> <file of migrations>`, or `open <folder>` for a whole start of the embedded database.
 */
async function run(): Promise<void> {
  const [kind, target, file] = process.argv.slice(2);
  console.log('begin');
  if (kind === 'open') {
    const log = { info: () => undefined, warn: () => undefined };
    const database = await openDatabase({ url: null, directory: String(target), log });
    console.log(`open ${await database.isUp()}`);
    return database.close();
  }
  const migrations = JSON.parse(readFileSync(String(file), 'utf8')) as Migration[];
  if (kind === 'pglite') {
    const pglite = await PGlite.create(String(target));
    console.log(`applied ${(await applyMigrations(migrationConnectionOfPglite(pglite), migrations)).length}`);
    return pglite.close();
  }
  const client = new Client({ connectionString: String(target) });
  await client.connect();
  console.log(`applied ${(await applyMigrations(migrationConnectionOfClient(client), migrations)).length}`);
  return client.end();
}

void run();
