import type { LeaderTerm } from '../kernel/leader-term.ts';
import type { Attendance } from './room-index.ts';

/** A person or program, known by a random token of which only the SHA-256 is kept. */
export interface SessionRow {
  readonly id: string;
  /** SHA-256 of the token, 64 hex digits: what caches know the session by. */
  readonly tokenHashHex: string;
  readonly displayName: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

/** Truth about sessions. Times are the database's `now()`. Throws `unavailable` when it cannot answer. */
export interface SessionRepository {
  insert(row: { id: string; tokenHash: Uint8Array; displayName: string }, ttlSeconds: number): Promise<SessionRow>;
  /** Not revoked and not expired, else null. */
  findByTokenHash(tokenHash: Uint8Array): Promise<SessionRow | null>;
  findById(id: string): Promise<SessionRow | null>;
  /** Display names by id, of those that are neither revoked nor expired. */
  namesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Extends the session to `ttlSeconds` from now, never below its longest-lived transfer. Called at most once a minute a session. */
  touch(id: string, ttlSeconds: number): Promise<SessionRow | null>;
  /**
   * As `touch`, of those of them that live and were not used for `notUsedForSeconds`; never shortens one, and leaves out
   * what is being changed right now.
   */
  keep(
    ids: readonly string[],
    options: { readonly ttlSeconds: number; readonly notUsedForSeconds: number },
  ): Promise<void>;
  rename(id: string, displayName: string): Promise<SessionRow | null>;
  /** Repeatable. The revoked row; null when there is none. */
  revoke(id: string): Promise<SessionRow | null>;
  /** Ids revoked within the last `seconds`, at most `limit`, newest first. */
  revokedWithin(seconds: number, limit: number): Promise<readonly string[]>;
  /** An effect of the leader: nothing happens unless `term` is the current one. */
  deleteExpired(limit: number, term: LeaderTerm): Promise<number>;
}

/**
 * Truth beside it: what a look-up may answer without the database. Never throws: a cache that cannot be asked knows
 * nothing, and what could not be put in is not there.
 */
export interface SessionCache {
  get(tokenHashHex: string): Promise<CachedSession>;
  /** Puts in what was just read, unless something newer is there already. */
  add(row: SessionRow, ttlMs: number): Promise<void>;
  /** Puts in what was just changed; a session that was revoked stays so. */
  replace(row: SessionRow, ttlMs: number): Promise<void>;
  /** Remembers for so long that this token is worth nothing any more. */
  revoke(tokenHashHex: string, ttlMs: number): Promise<void>;
}
/** `unknown`: the cache has nothing; `away`: it did not answer. */
export type CachedSession = SessionRow | 'revoked' | 'unknown' | 'away';

/** What a node says of the people whose sockets it has. */
export interface NodePeople {
  /** Another one for each other content; at most 32 visible ASCII characters. */
  readonly version: string;
  /** At most MAX_PEOPLE_PER_NODE. */
  readonly people: readonly Attendance[];
}

/**
 * Where nodes tell each other who is online. Nothing on it is the truth: it is forgotten after its time, or at any
 * moment, and said again. Every call ends within a second and throws `unavailable` when the board cannot be asked.
 */
export interface PresenceBoard {
  write(nodeId: string, people: NodePeople, ttlMs: number): Promise<void>;
  /** Prolongs what was written. False: it is not there any more. */
  renew(nodeId: string, ttlMs: number): Promise<boolean>;
  /** By node: `same` when it is what the version names; absent when there is nothing, or nothing well formed. */
  read(
    nodes: readonly { readonly nodeId: string; readonly version: string | null }[],
  ): Promise<ReadonlyMap<string, NodePeople | 'same'>>;
}
