import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { OperatorTokenStore } from '../ports.ts';

/** Columns of the one row `cluster`, in PostgreSQL or PGlite. The row is there before a node has a name. */
export function createPrismaOperatorTokenStore(database: Pick<Database, 'query'>): OperatorTokenStore {
  return {
    read: async () => {
      const [row] = await database.query<{
        operator_token_hash: Uint8Array | null;
        operator_signed_out: readonly string[];
      }>(Prisma.sql`SELECT operator_token_hash, operator_signed_out FROM cluster WHERE id = 1`);
      return { hash: row?.operator_token_hash ?? null, signedOut: row?.operator_signed_out ?? [] };
    },
    writeHash: async (hash) => {
      await database.query(
        Prisma.sql`UPDATE cluster SET operator_token_hash = ${new Uint8Array(hash)}::bytea WHERE id = 1`,
      );
    },
    writeFirstHash: async (hash) => {
      const written = await database.query(Prisma.sql`
        UPDATE cluster SET operator_token_hash = ${new Uint8Array(hash)}::bytea
        WHERE id = 1 AND operator_token_hash IS NULL RETURNING id`);
      return written.length === 1;
    },
    addSignedOut: async (signIn, limit) => {
      await database.query(Prisma.sql`
        UPDATE cluster SET operator_signed_out = ARRAY(
          SELECT one FROM unnest(operator_signed_out || ${signIn}::text) AS one
          GROUP BY one ORDER BY one COLLATE "C" DESC LIMIT ${limit}
        ) WHERE id = 1`);
    },
  };
}
