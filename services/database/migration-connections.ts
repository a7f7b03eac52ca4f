import type { PGlite } from '@electric-sql/pglite';
import type { Client } from 'pg';
import type { MigrationConnection } from './migrate.ts';

export function migrationConnectionOfPglite(pglite: PGlite): MigrationConnection {
  return {
    kind: 'pglite',
    execute: async (sql) => void (await pglite.exec(sql)),
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await pglite.query<Row>(sql, [...parameters])).rows,
  };
}

/** The client must be used for nothing else meanwhile: the advisory lock is its connection's. */
export function migrationConnectionOfClient(client: Client): MigrationConnection {
  return {
    kind: 'postgresql',
    execute: async (sql) => void (await client.query(sql)),
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await client.query(sql, [...parameters])).rows as Row[],
  };
}
