import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { OperatorTokenStore } from '../ports.ts';

/** The column of the one row `cluster`, in PostgreSQL or PGlite. The row is there before a node has a name. */
export function createPrismaOperatorTokenStore(database: Pick<Database, 'query'>): OperatorTokenStore {
  return {
    readHash: async () => {
      const [row] = await database.query<{ operator_token_hash: Uint8Array | null }>(
        Prisma.sql`SELECT operator_token_hash FROM cluster WHERE id = 1`,
      );
      return row?.operator_token_hash ?? null;
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
  };
}
