import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import {
  applyMigrations,
  type Migration,
  type MigrationConnection,
  parseMigration,
} from '../../../services/database/migrate.ts';
import {
  migrationConnectionOfClient,
  migrationConnectionOfPglite,
} from '../../../services/database/migration-connections.ts';
import { openDatabase } from '../../../services/database/open-database.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/waiting.ts';

const log = { info: () => undefined, warn: () => undefined };
const ROOT = path.resolve(__dirname, '../../..');
const TABLES_EACH = 6;

/** Ten migrations of many statements that take their time, so that a kill meets one of them. */
const slowMigrations: readonly Migration[] = Array.from({ length: 10 }, (_, index) => {
  const statements = Array.from({ length: TABLES_EACH }, (_, part) => {
    const table = `step_${index}_${part}`;
    return `CREATE TABLE ${table} (id int); INSERT INTO ${table} VALUES (1); SELECT pg_sleep(0.01);`;
  });
  return parseMigration(
    `${String(index + 1).padStart(4, '0')}_step`,
    `-- safe from: 0001_step\n${statements.join('\n')}`,
  );
});

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
}, 400_000);

async function connect(url: string): Promise<{ client: Client; connection: MigrationConnection }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  atEnd(() => client.end());
  return { client, connection: migrationConnectionOfClient(client) };
}

/** How many migrations the database has; fails when one is there in part. */
async function wholeMigrations(connection: MigrationConnection): Promise<number> {
  // One snapshot for both looks: what the killed process asked for may still be committed in between.
  await connection.execute('BEGIN ISOLATION LEVEL REPEATABLE READ');
  try {
    return await countWhole(connection);
  } finally {
    await connection.execute('COMMIT');
  }
}

async function countWhole(connection: MigrationConnection): Promise<number> {
  const tables = await connection.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`,
  );
  const names = new Set(tables.map((row) => row.name));
  const applied = names.has('migrations')
    ? await connection.query<{ name: string }>('SELECT name FROM migrations')
    : [];
  for (const [index, migration] of slowMigrations.entries()) {
    const count = [...names].filter((name) => name.startsWith(`step_${index}_`)).length;
    expect(count).toBe(applied.some((row) => row.name === migration.name) ? TABLES_EACH : 0);
  }
  return applied.length;
}

function runProgram(program: string, ...args: string[]): TestProcess {
  return startProcess(process.execPath, ['--import', 'tsx', program, ...args], { cwd: ROOT });
}

const migrator = (...args: string[]) => runProgram(require.resolve('./migrate-until-killed.ts'), ...args);

const says = (process: TestProcess, text: string) => () => process.log().includes(text);

/** Kills some migrators at random moments, lets the last one finish, and looks at the database after each. */
async function killThenFinish(kills: number, args: string[], look: () => Promise<number>): Promise<void> {
  const file = path.join(tempDirectory('migrations'), 'migrations.json');
  writeFileSync(file, JSON.stringify(slowMigrations));
  for (let kill = 0; kill < kills; kill += 1) {
    const process = migrator(...args, file);
    await waitFor('the migrator begins', 15_000, says(process, 'begin'));
    const killAt = performance.now() + 50 + Math.random() * 500;
    await waitFor('the moment to kill it', 5_000, () => performance.now() > killAt || says(process, 'applied')());
    await process.kill9();
    await look();
  }
  expect(await migrator(...args, file).exited(60_000)).toEqual({ code: 0, signal: null });
  expect(await look()).toBe(slowMigrations.length);
}

describe('a migrating process', () => {
  it('may be cut off at any statement on PostgreSQL: whole migrations stay, and the next start goes on', async () => {
    const url = await server.createDatabase();
    const { connection } = await connect(url);
    const counts: number[] = [];
    // What a killed process is for the server: a connection that closes without a word.
    for (let cut = 0; cut < 30; cut += 1) {
      const client = new Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), Math.random() * 150);
      stop.signal.addEventListener('abort', () => void client.end());
      await applyMigrations(migrationConnectionOfClient(client), slowMigrations).catch(() => undefined);
      clearTimeout(timer);
      await client.end();
      counts.push(await wholeMigrations(connection));
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    // Some were cut in the middle of the work, not all before or after it.
    expect(new Set(counts).size).toBeGreaterThan(2);
    await applyMigrations(connection, slowMigrations);
    expect(await wholeMigrations(connection)).toBe(slowMigrations.length);
  }, 60_000);

  it('may be killed on PostgreSQL', async () => {
    const url = await server.createDatabase();
    const { connection } = await connect(url);
    await killThenFinish(2, ['postgresql', url], () => wholeMigrations(connection));
  }, 120_000);

  it('may be killed on PGlite', async () => {
    const directory = path.join(tempDirectory('pglite'), 'pglite');
    await (await PGlite.create(directory)).close();
    await killThenFinish(2, ['pglite', directory], async () => {
      const pglite = await PGlite.create(directory);
      try {
        return await wholeMigrations(migrationConnectionOfPglite(pglite));
      } finally {
        await pglite.close();
      }
    });
  }, 120_000);

  it('may be killed while it makes the embedded database: the next start makes it anew', async () => {
    const directory = tempDirectory('pglite');
    for (const delayMs of [300, 1_500]) {
      const process = migrator('open', directory);
      await waitFor('the start begins', 15_000, says(process, 'begin'));
      const killAt = performance.now() + delayMs;
      await waitFor('the moment to kill it', 15_000, () => performance.now() > killAt || says(process, 'open')());
      await process.kill9();
    }
    const last = migrator('open', directory);
    expect(await last.exited(30_000)).toEqual({ code: 0, signal: null });
    expect(last.log()).toContain('open true');
  }, 120_000);

  it('shares the work with others that start at the same moment: each migration is applied once', async () => {
    const url = await server.createDatabase();
    const many = await Promise.all(Array.from({ length: 5 }, () => connect(url)));
    const applied = await Promise.all(many.map(({ connection }) => applyMigrations(connection, slowMigrations)));
    expect(applied.map((names) => names.length).sort()).toEqual([0, 0, 0, 0, slowMigrations.length]);
    expect(await wholeMigrations((many[0] as { connection: MigrationConnection }).connection)).toBe(10);
  }, 30_000);

  it('leaves nothing of a migration that fails, and names it', async () => {
    const { connection } = await connect(await server.createDatabase());
    const broken = parseMigration('0002_broken', '-- safe from: 0001_step\nCREATE TABLE half (id int); SELECT 1 / 0;');
    const first = slowMigrations[0] as Migration;
    await expect(applyMigrations(connection, [first, broken])).rejects.toMatchObject({
      type: 'unavailable',
      message: 'migration 0002_broken could not be applied',
    });
    expect(await wholeMigrations(connection)).toBe(1);
    expect(await connection.query(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
    // The lock is given back: the mended migration is applied by the same connection.
    const mended = parseMigration('0002_broken', '-- safe from: 0001_step\nCREATE TABLE half (id int);');
    expect(await applyMigrations(connection, [first, mended])).toEqual(['0002_broken']);
  });

  it('does not hold up a table that is in use: it asks again until the table is free', async () => {
    const url = await server.createDatabase();
    const [reader, migrating] = [await connect(url), await connect(url)];
    await reader.client.query('CREATE TABLE busy (id int)');
    await reader.client.query('BEGIN');
    await reader.client.query('SELECT * FROM busy');
    const widening = parseMigration('0001_widen', '-- safe from: 0001_widen\nALTER TABLE busy ADD COLUMN more int;');
    const done = applyMigrations(migrating.connection, [widening]);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ADD COLUMN more%'`;
    const observer = await connect(url);
    await waitFor('the migration waits', 5_000, async () => (await observer.client.query(waiting)).rowCount);
    // Longer than one wait for the table's lock: the first try is given up and readers behind it go on.
    await waitFor('it gives up for a moment', 6_000, async () => (await observer.client.query(waiting)).rowCount === 0);
    await reader.client.query('COMMIT');
    expect(await done).toEqual(['0001_widen']);
  }, 30_000);
});

describe('the migrations of this release', () => {
  it('make exactly what the Prisma schema says, and a column or an index less would be noticed', async () => {
    const less = 'ALTER TABLE nodes DROP COLUMN public_url; DROP INDEX grants_session_id_idx';
    const process = runProgram(require.resolve('./report-drift.ts'), less);
    expect(await process.exited(60_000)).toEqual({ code: 0, signal: null });
    const answers = [...process.log().matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line));
    expect(answers).toEqual([
      { executedSteps: 0, unexecutable: [], warnings: [] },
      expect.objectContaining({ executedSteps: 2 }),
    ]);
  }, 90_000);

  it('are applied by a start, and by a second one not again', async () => {
    const url = await server.createDatabase();
    const messages: string[] = [];
    const loud = { ...log, info: (_details: object, message: string) => void messages.push(message) };
    for (let start = 0; start < 2; start += 1)
      await (await openDatabase({ url, directory: '/nowhere', log: loud })).close();
    expect(messages).toEqual(['database migrated']);
    const { client } = await connect(url);
    // The Prisma schema knows nothing of these, so that one that a migration takes away is missed by nobody else.
    const checks = await client.query(
      `SELECT conname FROM pg_constraint
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace ORDER BY conname COLLATE "C"`,
    );
    expect(checks.rows.map(({ conname }) => conname)).toEqual([
      'cluster_is_one_row',
      'files_digest_is_32_bytes',
      'files_sealed_has_a_size',
      'grants_state_is_known',
      'leader_lease_is_one_row',
      'leases_open_streams_hold',
      'leases_state_is_known',
      'nodes_state_is_known',
      'outbox_kind_has_its_content',
      'outbox_kind_is_known',
      'transfers_counts_hold',
      'transfers_end_is_complete',
      'transfers_kind_is_known',
      'transfers_replica_matches_its_state',
      'transfers_replica_state_is_known',
      'transfers_state_is_known',
    ]);
    await client.query(`UPDATE migrations SET checksum = 'edited' WHERE name = '0001_initial'`);
    await expect(openDatabase({ url, directory: '/nowhere', log })).rejects.toMatchObject({
      type: 'unavailable',
      message: expect.stringContaining('0001_initial was edited'),
    });
  }, 30_000);
});

describe('a database that this release cannot use', () => {
  it('is refused by the version of an embedded directory', async () => {
    const directory = tempDirectory('pglite');
    mkdirSync(path.join(directory, 'pglite'));
    writeFileSync(path.join(directory, 'pglite', 'PG_VERSION'), '17\n');
    await expect(openDatabase({ url: null, directory, log })).rejects.toMatchObject({
      type: 'unavailable',
      message: 'the embedded database in the data directory is of PostgreSQL 17, this release needs 18',
    });
    expect(readFileSync(path.join(directory, 'pglite', 'PG_VERSION'), 'utf8')).toBe('17\n');
  });

  it('is refused by the version of a server older than 14', async () => {
    const url = await serverThatSays({ server_version_num: '130014', server_version: '13.14' });
    await expect(openDatabase({ url, directory: '/nowhere', log })).rejects.toMatchObject({
      type: 'unavailable',
      message: 'DATABASE_URL: PostgreSQL 13.14 found, 14 or newer is needed',
    });
  });
});

/** A server that speaks just enough of PostgreSQL's protocol to answer every query with one row. */
async function serverThatSays(row: Readonly<Record<string, string>>): Promise<string> {
  const message = (type: string, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type, 0, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const int32 = (value: number) => Buffer.from([value >> 24, value >> 16, value >> 8, value].map((byte) => byte & 255));
  const ready = message('Z', Buffer.from('I'));
  const columns = Object.keys(row).map((name) =>
    Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
  );
  const values = Object.values(row).map((value) => Buffer.concat([int32(value.length), Buffer.from(value)]));
  const answer = Buffer.concat([
    message('T', int16(columns.length), ...columns),
    message('D', int16(values.length), ...values),
    message('C', Buffer.from('SELECT 1\0')),
    ready,
  ]);
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    let hasStarted = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (!hasStarted) socket.write(Buffer.concat([message('R', int32(0)), ready]));
      else if (bytes[0] === 'Q'.charCodeAt(0)) socket.write(answer);
      hasStarted = true;
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const { port } = listener.address() as { port: number };
  return `postgresql://peerlink@127.0.0.1:${port}/old`;
}
