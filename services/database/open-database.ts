import './wasm-tiering.ts';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import type { Client } from 'pg';
import { PrismaClient } from '../../prisma/generated/client.ts';
import { findRootDirectory } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { tlsFaultText } from '../kernel/tls-fault.ts';
import { type Database, databaseOf } from './database.ts';
import { sqlStateOf } from './database-faults.ts';
import { applyMigrations, type MigrationConnection, readMigrations } from './migrate.ts';
import { migrationConnectionOfClient } from './migration-connections.ts';
import { PostgresClient } from './postgres-client.ts';
import { postgresPoolConfig } from './postgres-pool.ts';
import { codeOf } from './system-faults.ts';

export interface DatabaseLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface OpenDatabaseOptions {
  /** PostgreSQL connection string; null: PGlite in `directory`. */
  readonly url: string | null;
  /** The data directory of this node, taken before: PGlite allows one process only and does not check. */
  readonly directory: string;
  readonly log: DatabaseLog;
}

const MIN_POSTGRESQL = 140_000;
const FIRST_CONNECTION_TRIES = 5;
const FIRST_CONNECTION_PAUSE_MS = 500;
const FIRST_CONNECTION_DEADLINE_MS = 5_000;
/** SQLSTATE classes that waiting does not mend: wrong password, no such database, no right. */
const HOPELESS = new Set(['28', '3D', '42']);

export function migrationsDirectory(): string {
  return path.join(findRootDirectory(), 'prisma', 'migrations');
}

/** Opens, checks and migrates the database. Throws `unavailable` with a text for the operator when it cannot be used. */
export function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  return options.url === null
    ? openEmbedded(path.join(options.directory, 'pglite'), options.log)
    : openPostgres(options.url, options.log);
}

async function openEmbedded(directory: string, log: DatabaseLog): Promise<Database> {
  const startedAt = performance.now();
  // Loaded here and not above: a node with a PostgreSQL needs none of it.
  const { openPglite } = await import('./open-pglite.ts');
  const { database, connection } = await openPglite(directory);
  try {
    await migrate(connection, log);
  } catch (fault) {
    await database.close();
    throw fault;
  }
  log.info({ ms: Math.round(performance.now() - startedAt) }, 'embedded database is open');
  return database;
}

async function openPostgres(url: string, log: DatabaseLog): Promise<Database> {
  const client = await firstConnection(url, log);
  try {
    await refuseOldServer(client);
    await migrate(migrationConnectionOfClient(client), log);
  } finally {
    await client.end().catch(() => undefined);
  }
  const adapter = new PrismaPg(postgresPoolConfig(url), {
    onPoolError: (fault) => log.warn({ err: fault }, 'a database connection was lost'),
  });
  const prisma = new PrismaClient({ adapter });
  const database = databaseOf('postgresql', prisma, () => prisma.$disconnect());
  // The first statement loads Prisma's engine and opens a connection: on a busy machine that takes longer than any later
  // one may, and the start would end there.
  for (let attempt = 1; attempt <= FIRST_CONNECTION_TRIES && !(await database.isUp()); attempt += 1) {
    log.warn({ attempt }, 'the database answers late');
    await delay(FIRST_CONNECTION_PAUSE_MS);
  }
  return database;
}

/** The server may be starting beside us, so a refused first connection is tried again for a few seconds. */
async function firstConnection(url: string, log: DatabaseLog): Promise<Client> {
  for (let attempt = 1; ; attempt += 1) {
    let client: Client | undefined;
    try {
      client = new PostgresClient({
        connectionString: url,
        connectionTimeoutMillis: FIRST_CONNECTION_DEADLINE_MS,
        application_name: 'peerlink start',
      });
      // Without a listener a connection lost later would end the process.
      client.on('error', () => undefined);
      await client.connect();
      return client;
    } catch (cause) {
      await client?.end().catch(() => undefined);
      const isRefused = HOPELESS.has(sqlStateOf(cause)?.slice(0, 2) ?? '');
      const isHopeless = isRefused || client === undefined || tlsTextOf(cause, url) !== null;
      if (isHopeless || attempt === FIRST_CONNECTION_TRIES) {
        throw new PeerLinkError('unavailable', `DATABASE_URL: ${reasonOf(cause, url, attempt)}`, { cause });
      }
      log.warn({ attempt }, 'the database does not answer yet');
      await delay(FIRST_CONNECTION_PAUSE_MS);
    }
  }
}

function reasonOf(cause: unknown, url: string, tries: number): string {
  const state = sqlStateOf(cause);
  if (state?.startsWith('28') === true) return 'PostgreSQL refuses this user or password';
  if (state?.startsWith('3D') === true) return 'PostgreSQL has no database of this name';
  if (codeOf(cause) === 'ERR_INVALID_URL') return 'not a PostgreSQL connection string';
  // sslrootcert, sslcert and sslkey name files.
  if (isOfFile(cause)) return `a file that it names cannot be read (${textOf(cause)})`;
  const tls = tlsTextOf(cause, url);
  if (tls !== null) return tls;
  return `no PostgreSQL answers at ${addressOf(url)}, asked ${tries} times (${state ?? codeOf(cause) ?? textOf(cause)})`;
}

function isOfFile(cause: unknown): boolean {
  return codeOf(cause) === 'EISDIR' || (cause as { readonly syscall?: unknown }).syscall === 'open';
}

function tlsTextOf(cause: unknown, url: string): string | null {
  return tlsFaultText(cause, `PostgreSQL at ${addressOf(url)}`, 'sslrootcert or NODE_EXTRA_CA_CERTS');
}

/** Without user and password, which no message may hold. */
function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'its address';
  const { hostname, port, searchParams } = new URL(url);
  return searchParams.get('host') ?? `${hostname}:${port === '' ? '5432' : port}`;
}

/** pg's own words where it has no code, such as 'The server does not support SSL connections'. */
function textOf(cause: unknown): string {
  return (cause as { readonly message?: string }).message ?? 'without a reason';
}

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string; server_version: string }>(
    `SELECT current_setting('server_version_num') AS server_version_num, current_setting('server_version') AS server_version`,
  );
  const row = rows[0];
  if (row !== undefined && Number(row.server_version_num) >= MIN_POSTGRESQL) return;
  throw new PeerLinkError(
    'unavailable',
    `DATABASE_URL: PostgreSQL ${row?.server_version ?? 'of unknown version'} found, 14 or newer is needed`,
  );
}

async function migrate(connection: MigrationConnection, log: DatabaseLog): Promise<void> {
  const applied = await applyMigrations(connection, readMigrations(migrationsDirectory()));
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');
}
