import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { PrismaClient } from '../../prisma/generated/client.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { type Database, databaseOf } from './database.ts';
import { folderFault, reasonOfFolder } from './folder-faults.ts';
import type { MigrationConnection } from './migrate.ts';
import { migrationConnectionOfPglite } from './migration-connections.ts';

/** What PGlite 0.5 is. A directory of another major version would be damaged by opening it. */
const PGLITE_MAJOR = '18';

export interface OpenPglite {
  readonly database: Database;
  /** Not migrated yet: that comes before anything else is asked. */
  readonly connection: MigrationConnection;
}

/** PostgreSQL inside this process, in `directory`. Throws `unavailable` when the directory cannot be used. */
export async function openPglite(directory: string): Promise<OpenPglite> {
  await refuseOtherMajor(directory);
  try {
    return await openDirectory(directory);
  } catch (fault) {
    throw await folderFault(fault, directory);
  }
}

async function openDirectory(directory: string): Promise<OpenPglite> {
  const marker = `${directory}.initialising`;
  await mkdir(path.dirname(directory), { recursive: true });
  // A process killed while it made the directory leaves the marker: nothing in it was ever promised to anybody.
  if (!(await isInitialised(directory, marker))) {
    await writeFile(
      marker,
      'The folder beside this file is being made; it is made anew when this file is found at start.\n',
    );
    await rm(directory, { recursive: true, force: true });
  }
  const pglite = await PGlite.create(directory).catch(async (cause: unknown) => {
    const reason = (await reasonOfFolder(directory)) || '; if it stays so, restore the data directory from a backup';
    throw new PeerLinkError('unavailable', `the embedded database in ${directory} cannot be opened${reason}`, {
      cause,
    });
  });
  await rm(marker, { force: true });
  const prisma = new PrismaClient({ adapter: new PrismaPGlite(pglite) });
  const database = databaseOf('pglite', prisma, async () => {
    await prisma.$disconnect();
    await pglite.close();
  });
  return { database, connection: migrationConnectionOfPglite(pglite) };
}

async function isInitialised(directory: string, marker: string): Promise<boolean> {
  const [entries, hasMarker] = await Promise.all([
    readdir(directory).catch(() => []),
    readFile(marker).then(
      () => true,
      () => false,
    ),
  ]);
  return entries.length > 0 && !hasMarker;
}

async function refuseOtherMajor(directory: string): Promise<void> {
  const found = await readFile(path.join(directory, 'PG_VERSION'), 'utf8').catch(() => null);
  if (found === null || found.trim() === PGLITE_MAJOR) return;
  throw new PeerLinkError(
    'unavailable',
    `the embedded database in the data directory is of PostgreSQL ${found.trim()}, this release needs ${PGLITE_MAJOR}`,
  );
}
