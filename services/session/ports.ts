/** A person or program, known by a random token of which only the SHA-256 is kept. */
export interface SessionRow {
  readonly id: string;
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
  /** Extends the session to `ttlSeconds` from now, never below its longest-lived transfer. Called at most once a minute a session. */
  touch(id: string, ttlSeconds: number): Promise<SessionRow | null>;
  rename(id: string, displayName: string): Promise<SessionRow | null>;
  revoke(id: string): Promise<void>;
  deleteExpired(limit: number): Promise<number>;
}

/** Truth beside it: what a look-up may answer without the database, for seconds. */
export interface SessionCache {
  get(tokenHashHex: string): Promise<SessionRow | null>;
  set(tokenHashHex: string, row: SessionRow, ttlMs: number): Promise<void>;
  delete(tokenHashHex: string): Promise<void>;
}
