import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import { IN_TERM, termOf } from '../../database/leader-term.ts';
import type { SessionRepository, SessionRow } from '../ports.ts';

interface SessionRecord {
  readonly id: string;
  readonly token_hash: Uint8Array;
  readonly display_name: string;
  readonly created_at: Date;
  readonly last_used_at: Date;
  readonly expires_at: Date;
  readonly revoked_at: Date | null;
}

const COLUMNS = Prisma.raw(
  's.id, s.token_hash, s.display_name, s.created_at, s.last_used_at, s.expires_at, s.revoked_at',
);
const IS_ALIVE = Prisma.sql`s.revoked_at IS NULL AND s.expires_at > now()`;

/** Rows `sessions` in PostgreSQL or PGlite. */
export function createPrismaSessionRepository(database: Database): SessionRepository {
  const one = async (statement: Prisma.Sql): Promise<SessionRow | null> => {
    const [record] = await database.query<SessionRecord>(statement);
    return record === undefined ? null : toSessionRow(record);
  };
  return {
    insert: async ({ id, tokenHash, displayName }, ttlSeconds) => {
      const [record] = await database.query<SessionRecord>(Prisma.sql`
        INSERT INTO sessions AS s (id, token_hash, display_name, created_at, last_used_at, expires_at)
        VALUES (${id}, ${tokenHash}::bytea, ${displayName}, now(), now(),
          now() + make_interval(secs => ${ttlSeconds}::float8))
        RETURNING ${COLUMNS}`);
      return toSessionRow(record as SessionRecord);
    },
    findByTokenHash: (tokenHash) =>
      one(Prisma.sql`SELECT ${COLUMNS} FROM sessions s WHERE s.token_hash = ${tokenHash}::bytea AND ${IS_ALIVE}`),
    findById: (id) => one(Prisma.sql`SELECT ${COLUMNS} FROM sessions s WHERE s.id = ${id} AND ${IS_ALIVE}`),
    namesOf: async (ids) => {
      const found = await database.query<{ id: string; display_name: string }>(Prisma.sql`
        SELECT s.id, s.display_name FROM sessions s WHERE s.id = ANY(${[...ids]}::text[]) AND ${IS_ALIVE}`);
      return new Map(found.map(({ id, display_name }) => [id, display_name]));
    },
    // A session lives from its last use, never shorter than the longest-lived of what it sends or has accepted. The row
    // is locked by a statement of its own, so that the second one sees what was accepted while it waited.
    touch: async (id, ttlSeconds) => {
      const [, touched] = await database.transaction([
        Prisma.sql`SELECT id FROM sessions WHERE id = ${id} FOR UPDATE`,
        Prisma.sql`
          UPDATE sessions s SET last_used_at = now(), expires_at = greatest(
            now() + make_interval(secs => ${ttlSeconds}::float8),
            (SELECT max(t.expires_at) FROM transfers t WHERE t.session_id = s.id AND t.state <> 'ended'),
            (SELECT max(t.expires_at) FROM grants g JOIN transfers t ON t.id = g.transfer_id
              WHERE g.session_id = s.id AND g.state IN ('accepted', 'received') AND t.state <> 'ended')
          )
          WHERE s.id = ${id} AND ${IS_ALIVE} RETURNING ${COLUMNS}`,
      ]);
      const record = touched?.[0] as SessionRecord | undefined;
      return record === undefined ? null : toSessionRow(record);
    },
    // Nobody waits for a row here, so that two of these, in whatever order, never wait for each other.
    keep: async (ids, { ttlSeconds, notUsedForSeconds }) => {
      await database.query(Prisma.sql`
        UPDATE sessions SET last_used_at = now(),
          expires_at = greatest(expires_at, now() + make_interval(secs => ${ttlSeconds}::float8))
        WHERE id IN (
          SELECT s.id FROM sessions s WHERE s.id = ANY(${[...ids]}::text[]) AND ${IS_ALIVE}
            AND s.last_used_at <= now() - make_interval(secs => ${notUsedForSeconds}::float8)
          ORDER BY s.id FOR UPDATE SKIP LOCKED
        )`);
    },
    rename: (id, displayName) =>
      one(Prisma.sql`
        UPDATE sessions s SET display_name = ${displayName} WHERE s.id = ${id} AND ${IS_ALIVE} RETURNING ${COLUMNS}`),
    // The first one counts: a repeated request does not move the time.
    revoke: (id) =>
      one(Prisma.sql`
        UPDATE sessions s SET revoked_at = coalesce(s.revoked_at, now()) WHERE s.id = ${id} RETURNING ${COLUMNS}`),
    revokedWithin: async (seconds, limit) => {
      const revoked = await database.query<{ id: string }>(Prisma.sql`
        SELECT id FROM sessions WHERE revoked_at > now() - make_interval(secs => ${seconds}::float8)
        ORDER BY revoked_at DESC LIMIT ${limit}`);
      return revoked.map(({ id }) => id);
    },
    deleteExpired: async (limit, term) => {
      const deleted = await database.query(Prisma.sql`
        WITH ${termOf(term)}
        DELETE FROM sessions WHERE ${IN_TERM} AND id IN (
          SELECT id FROM sessions WHERE expires_at <= now() ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
        ) RETURNING id`);
      return deleted.length;
    },
  };
}

function toSessionRow(record: SessionRecord): SessionRow {
  return {
    id: record.id,
    tokenHashHex: Buffer.from(record.token_hash).toString('hex'),
    displayName: record.display_name,
    createdAt: record.created_at,
    lastUsedAt: record.last_used_at,
    expiresAt: record.expires_at,
    revokedAt: record.revoked_at,
  };
}
