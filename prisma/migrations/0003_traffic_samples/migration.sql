-- safe from: 0001_initial
-- What each run of each node carried in steps of ten seconds, for the history that any node tells. Kept for 20 minutes.
CREATE TABLE traffic_samples (
  node_id text NOT NULL,
  run_id text NOT NULL,
  at timestamptz(3) NOT NULL,
  client_bytes_in bigint NOT NULL,
  client_bytes_out bigint NOT NULL,
  peer_bytes bigint NOT NULL,
  CONSTRAINT traffic_samples_pkey PRIMARY KEY (node_id, run_id, at)
);
CREATE INDEX traffic_samples_at_idx ON traffic_samples (at);
