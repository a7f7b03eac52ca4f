-- safe from: 0001_initial
-- SHA-256 of what proves the operator; the token itself is nowhere. The index lists the newest transfers of a state
-- once a second while an operator looks.
CREATE INDEX transfers_state_created_at_idx ON transfers (state, created_at);
ALTER TABLE cluster ADD COLUMN operator_token_hash bytea;
