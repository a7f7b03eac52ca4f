-- safe from: 0001_initial
-- Sessions, nodes, transfers with their files, download leases and grants, and who leads.

CREATE TABLE cluster (
  id integer NOT NULL DEFAULT 1,
  cluster_id text NOT NULL,
  secret bytea NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT cluster_pkey PRIMARY KEY (id),
  CONSTRAINT cluster_is_one_row CHECK (id = 1)
);

CREATE TABLE nodes (
  id text NOT NULL,
  peer_url text NOT NULL,
  public_url text,
  state text NOT NULL,
  seen_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT nodes_pkey PRIMARY KEY (id),
  CONSTRAINT nodes_state_is_known CHECK (state IN ('joining', 'healthy', 'degraded', 'draining', 'left'))
);

CREATE TABLE leader_lease (
  id integer NOT NULL DEFAULT 1,
  holder_node_id text NOT NULL,
  epoch integer NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  CONSTRAINT leader_lease_pkey PRIMARY KEY (id),
  CONSTRAINT leader_lease_is_one_row CHECK (id = 1)
);

CREATE TABLE sessions (
  id text NOT NULL,
  token_hash bytea NOT NULL,
  display_name text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  last_used_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at timestamptz(3) NOT NULL,
  revoked_at timestamptz(3),
  CONSTRAINT sessions_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX sessions_token_hash_key ON sessions (token_hash);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- session_id is no foreign key: a session may be forgotten while its ended transfers' rows are still kept.
CREATE TABLE transfers (
  id text NOT NULL,
  share_id text NOT NULL,
  kind text NOT NULL,
  state text NOT NULL DEFAULT 'open',
  end_reason text,
  home_node_id text NOT NULL,
  replica_node_id text,
  replica_state text NOT NULL DEFAULT 'none',
  epoch integer NOT NULL DEFAULT 1,
  generation integer NOT NULL DEFAULT 1,
  session_id text,
  owner_address text NOT NULL,
  upload_token_hash bytea NOT NULL,
  password_hash text,
  max_downloads integer,
  download_count integer NOT NULL DEFAULT 0,
  sender_name text,
  idempotency_key text,
  request_hash bytea,
  file_count integer NOT NULL,
  unsealed_file_count integer NOT NULL,
  known_bytes bigint NOT NULL,
  unsized_file_count integer NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  touched_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  CONSTRAINT transfers_pkey PRIMARY KEY (id),
  CONSTRAINT transfers_kind_is_known CHECK (kind IN ('share', 'direct')),
  CONSTRAINT transfers_state_is_known CHECK (state IN ('open', 'sealed', 'ended')),
  CONSTRAINT transfers_replica_state_is_known CHECK (replica_state IN ('none', 'syncing', 'in_sync')),
  CONSTRAINT transfers_replica_matches_its_state CHECK ((replica_node_id IS NULL) = (replica_state = 'none')),
  CONSTRAINT transfers_end_is_complete CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
  CONSTRAINT transfers_counts_hold CHECK (
    download_count >= 0 AND unsealed_file_count BETWEEN 0 AND file_count AND unsized_file_count BETWEEN 0 AND file_count
  )
);
CREATE UNIQUE INDEX transfers_share_id_key ON transfers (share_id);
CREATE UNIQUE INDEX transfers_session_id_idempotency_key_key ON transfers (session_id, idempotency_key);
CREATE INDEX transfers_session_id_created_at_idx ON transfers (session_id, created_at);
CREATE INDEX transfers_owner_address_state_idx ON transfers (owner_address, state);
CREATE INDEX transfers_home_node_id_id_idx ON transfers (home_node_id, id);
CREATE INDEX transfers_replica_node_id_idx ON transfers (replica_node_id);
CREATE INDEX transfers_state_expires_at_idx ON transfers (state, expires_at);
CREATE INDEX transfers_state_touched_at_idx ON transfers (state, touched_at);
CREATE INDEX transfers_state_ended_at_idx ON transfers (state, ended_at);

CREATE TABLE files (
  id text NOT NULL,
  transfer_id text NOT NULL,
  file_index integer NOT NULL,
  path text NOT NULL,
  size_bytes bigint,
  chunk_size_bytes integer NOT NULL,
  digest bytea,
  expected_digest bytea,
  media_type text,
  last_modified_ms bigint,
  CONSTRAINT files_pkey PRIMARY KEY (id),
  CONSTRAINT files_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES transfers (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT files_digest_is_32_bytes CHECK (octet_length(digest) = 32),
  CONSTRAINT files_sealed_has_a_size CHECK (digest IS NULL OR size_bytes IS NOT NULL)
);
CREATE UNIQUE INDEX files_transfer_id_file_index_key ON files (transfer_id, file_index);

CREATE TABLE leases (
  id text NOT NULL,
  transfer_id text NOT NULL,
  token_hash bytea NOT NULL,
  holder text NOT NULL,
  node_id text NOT NULL,
  state text NOT NULL DEFAULT 'active',
  served_bytes jsonb NOT NULL DEFAULT '{}',
  open_streams integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  used_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT leases_pkey PRIMARY KEY (id),
  CONSTRAINT leases_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES transfers (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT leases_state_is_known CHECK (state IN ('active', 'consumed')),
  CONSTRAINT leases_open_streams_hold CHECK (open_streams >= 0)
);
CREATE UNIQUE INDEX leases_transfer_id_token_hash_key ON leases (transfer_id, token_hash);

CREATE TABLE grants (
  transfer_id text NOT NULL,
  session_id text NOT NULL,
  state text NOT NULL DEFAULT 'offered',
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  answered_at timestamptz(3),
  CONSTRAINT grants_pkey PRIMARY KEY (transfer_id, session_id),
  CONSTRAINT grants_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES transfers (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT grants_state_is_known CHECK (state IN ('offered', 'accepted', 'declined', 'left'))
);
CREATE INDEX grants_session_id_idx ON grants (session_id);
