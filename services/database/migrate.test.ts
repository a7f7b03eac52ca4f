import { describe, expect, it } from '@jest/globals';
import { type Migration, missingMigrations, parseMigration, readMigrations } from './migrate.ts';
import { migrationsDirectory } from './open-database.ts';

const migration = (name: string, safeFrom = '0001_a', text = 'SELECT 1') =>
  parseMigration(name, `-- safe from: ${safeFrom}\n${text};\n`);
const appliedRow = ({ name, checksum, safeFrom }: Migration) => ({ name, checksum, safe_from: safeFrom });

const a = migration('0001_a');
const b = migration('0002_b');
const c = migration('0003_c');

describe('which migrations are left to apply', () => {
  it('are those the database has not got, in the order of their names', () => {
    expect(missingMigrations([a, b, c], [])).toEqual([a, b, c]);
    expect(missingMigrations([a, b, c], [appliedRow(a)])).toEqual([b, c]);
    expect(missingMigrations([a, b, c], [a, b, c].map(appliedRow))).toEqual([]);
  });

  it('are none when an applied one was edited: that is an error with its name', () => {
    const edited = migration('0001_a', '0001_a', 'SELECT 2');
    expect(() => missingMigrations([edited, b], [appliedRow(a)])).toThrow(/0001_a was edited/);
  });

  it('may include one that a colleague merged before a newer one', () => {
    expect(missingMigrations([a, b, c], [appliedRow(a), appliedRow(c)])).toEqual([b]);
  });

  it('are still found when a newer release was here whose changes this one can live with', () => {
    expect(missingMigrations([a, b], [a, b, c].map(appliedRow))).toEqual([]);
    expect(missingMigrations([a, b], [a, b, migration('0003_c', '0002_b')].map(appliedRow))).toEqual([]);
  });

  it('are none when a newer release took something away that this one needs', () => {
    const contraction = migration('0004_drop', '0003_c');
    expect(() => missingMigrations([a, b], [a, b, c, contraction].map(appliedRow))).toThrow(
      /changed by a newer release \(migration 0004_drop\)/,
    );
    expect(missingMigrations([a, b, c], [a, b, c, contraction].map(appliedRow))).toEqual([]);
  });
});

describe('a migration file', () => {
  it('says in its first line from which migration on a release may run beside it', () => {
    expect(migration('0002_b', '0001_a')).toMatchObject({ name: '0002_b', safeFrom: '0001_a' });
    for (const text of ['SELECT 1;', '\n-- safe from: 0001_a\n', '-- safe from: everything\n', '']) {
      expect(() => parseMigration('0002_b', text)).toThrow(/first line/);
    }
    expect(() => migration('0002_b', '0003_c')).toThrow(/naming it or an earlier one/);
  });

  it('lies in a folder with a number and words', () => {
    for (const name of ['2_b', '0002-b', '0002_B', '0002_b.sql']) {
      expect(() => migration(name)).toThrow(/NNNN_words/);
    }
  });
});

/** A list of states that only grows refuses no row of a release that knows the shorter one. */
function withoutWidenedChecks(sql: string): string {
  return sql.replace(
    /ALTER TABLE (\w+) DROP CONSTRAINT (\w+);\s+ALTER TABLE \1 ADD CONSTRAINT \2\s+CHECK \((\w+) IN \(([^)]*)\)\);/g,
    (whole, _table, constraint, _column, states: string) => {
      const earlier = readMigrations(migrationsDirectory())
        .map(
          ({ sql: text }) =>
            new RegExp(`CONSTRAINT ${constraint}\\s+CHECK \\(\\w+ IN \\(([^)]*)\\)\\)`).exec(text)?.[1],
        )
        .find((found) => found !== undefined);
      const isWider = earlier?.split(',').every((state) => states.includes(state.trim())) === true;
      return isWider ? '' : whole;
    },
  );
}

describe('the migrations of this release', () => {
  const migrations = readMigrations(migrationsDirectory());

  it('never break the release before: what is taken away was unused since an earlier migration', () => {
    // Words that take something from a release that still runs while the next one starts.
    const takesAway = /\b(DROP (TABLE|COLUMN|CONSTRAINT)|RENAME|ALTER COLUMN \w+ (TYPE|SET NOT NULL)|SET DATA TYPE)\b/i;
    for (const { name, sql: text, safeFrom } of migrations.slice(1)) {
      const sql = withoutWidenedChecks(text);
      if (takesAway.test(sql))
        expect({ name, isAlsoForOlder: safeFrom === migrations[0]?.name }).toEqual({ name, isAlsoForOlder: false });
      // A new column without a default would refuse the rows of a release that does not know it.
      for (const [statement] of sql.matchAll(/ADD COLUMN [^;,]*NOT NULL[^;,]*/gi))
        expect(statement).toMatch(/DEFAULT/i);
      expect(safeFrom < name).toBe(true);
    }
  });

  it('run whole inside a transaction', () => {
    for (const { sql } of migrations) {
      expect(sql).not.toMatch(/\b(BEGIN|COMMIT|ROLLBACK|CONCURRENTLY|VACUUM|CREATE DATABASE)\b/);
    }
  });
});
