-- safe from: 0001_initial
-- Once a second each node asks which sessions were revoked just now.
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at);
