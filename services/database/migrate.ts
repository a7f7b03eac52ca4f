import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PeerLinkError } from '../contracts/errors.ts';
import { sqlStateOf } from './database-faults.ts';

/** One connection on which nothing else happens meanwhile. */
export interface MigrationConnection {
  readonly kind: 'pglite' | 'postgresql';
  /** One or several statements without parameters. */
  execute(sql: string): Promise<void>;
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Migration {
  /** Its folder's name, `0001_initial`; they are applied in the order of their names. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, hex. */
  readonly checksum: string;
  /** The oldest migration that a release must know in order to run beside this one. */
  readonly safeFrom: string;
}

interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  readonly safe_from: string;
}

/** Any fixed number; two programs that migrate the same database must use the same one. */
const ADVISORY_LOCK = 7_355_608_341;
/** Another node migrates at most this long; large tables are migrated in small steps. */
const MIGRATION_LOCK_WAIT_MS = 60_000;
/** A statement that waits for a table's lock makes everybody behind it wait: give up soon and try again. */
const TABLE_LOCK_WAIT_MS = 3_000;
const TABLE_LOCK_TRIES = 10;
/** Long enough for those who waited behind it. */
const TABLE_LOCK_PAUSE_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

const BOOKKEEPING = `
CREATE TABLE IF NOT EXISTS migrations (
  name text NOT NULL,
  checksum text NOT NULL,
  safe_from text NOT NULL,
  applied_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT migrations_pkey PRIMARY KEY (name)
)`;

/** Reads `<directory>/NNNN_name/migration.sql`. The first line of each says from which release on it is safe. */
export function readMigrations(directory: string): readonly Migration[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => parseMigration(name, readFileSync(path.join(directory, name, 'migration.sql'), 'utf8')));
}

export function parseMigration(name: string, sql: string): Migration {
  if (!/^\d{4}_[a-z0-9_]+$/.test(name)) throw new Error(`migration ${name}: its folder must be named NNNN_words`);
  const safeFrom = /^-- safe from: (\d{4}_[a-z0-9_]+)$/m.exec(sql.split('\n', 1)[0] ?? '')?.[1];
  if (safeFrom === undefined || safeFrom > name) {
    throw new Error(
      `migration ${name}: its first line must be "-- safe from: NNNN_words", naming it or an earlier one`,
    );
  }
  return { name, sql, checksum: createHash('sha256').update(sql).digest('hex'), safeFrom };
}

/**
 * Brings the database to the newest migration: one transaction each, under an advisory lock, so that a process killed at
 * any statement leaves whole migrations only and several nodes may start at once. Returns the names it applied.
 * Throws `unavailable` when the database is not one this release can use.
 */
export async function applyMigrations(
  connection: MigrationConnection,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const isShared = connection.kind === 'postgresql';
  // The lock is the connection's: it ends with it, however the process ends.
  if (isShared) {
    await connection.execute(`SET lock_timeout = ${MIGRATION_LOCK_WAIT_MS}`);
    await connection.query(`SELECT pg_advisory_lock(${ADVISORY_LOCK})`);
    await connection.execute(`SET lock_timeout = ${TABLE_LOCK_WAIT_MS}`);
  }
  try {
    await connection.execute(BOOKKEEPING);
    const applied = await connection.query<AppliedMigration>('SELECT name, checksum, safe_from FROM migrations');
    const missing = missingMigrations(migrations, applied);
    for (const migration of missing) await applyOne(connection, migration);
    return missing.map((migration) => migration.name);
  } finally {
    if (isShared) await connection.query(`SELECT pg_advisory_unlock(${ADVISORY_LOCK})`).catch(() => undefined);
  }
}

/** Decides what is left to do; throws when an applied migration was edited or needs a newer release. */
export function missingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const knownByName = new Map(known.map((migration) => [migration.name, migration]));
  const newestKnown = known.at(-1)?.name ?? '';
  for (const row of applied) {
    const migration = knownByName.get(row.name);
    if (migration === undefined) {
      // A newer release was here. Its migration says from which one on it may be shared.
      if (row.safe_from > newestKnown) {
        throw refusal(
          `the database was changed by a newer release (migration ${row.name}) that this one cannot share; run that release, or restore a backup from before it`,
        );
      }
    } else if (migration.checksum !== row.checksum) {
      throw refusal(`migration ${row.name} was edited after it had been applied to this database; restore its text`);
    }
  }
  const appliedNames = new Set(applied.map((row) => row.name));
  return known.filter((migration) => !appliedNames.has(migration.name));
}

async function applyOne(connection: MigrationConnection, migration: Migration): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await connection.execute('BEGIN');
    try {
      await connection.execute(migration.sql);
      await connection.query('INSERT INTO migrations (name, checksum, safe_from) VALUES ($1, $2, $3)', [
        migration.name,
        migration.checksum,
        migration.safeFrom,
      ]);
      await connection.execute('COMMIT');
      return;
    } catch (fault) {
      await connection.execute('ROLLBACK').catch(() => undefined);
      if (attempt < TABLE_LOCK_TRIES && sqlStateOf(fault) === LOCK_NOT_AVAILABLE) {
        await delay(TABLE_LOCK_PAUSE_MS);
        continue;
      }
      throw refusal(`migration ${migration.name} could not be applied`, fault);
    }
  }
}

function refusal(message: string, cause?: unknown): PeerLinkError {
  return new PeerLinkError('unavailable', message, { cause });
}
