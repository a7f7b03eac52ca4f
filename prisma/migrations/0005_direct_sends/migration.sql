-- safe from: 0001_initial
-- Direct sends: who is offered what, what waits for whom, and which bytes have arrived.

-- The leader looks at all direct sends that run, once a second. Before what locks the table out, which must be short:
-- while an index is built the release before may still read.
CREATE INDEX transfers_kind_state_idx ON transfers (kind, state);
-- Chunks are refused until somebody accepts.
ALTER TABLE transfers ADD COLUMN accepted_at timestamptz(3);

-- Locked and raised by whoever sends to this session, so that the order of commits is the order of sequences.
ALTER TABLE sessions ADD COLUMN outbox_sequence bigint NOT NULL DEFAULT 0;

ALTER TABLE grants ADD COLUMN display_name text NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN expires_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE grants ADD COLUMN received_bytes bigint NOT NULL DEFAULT 0;
-- When the last bytes of those that have it all were taken.
ALTER TABLE grants ADD COLUMN received_at timestamptz(3);
-- Its own page said that everything is written; what a socket took may still be lost on the way.
ALTER TABLE grants ADD COLUMN is_written boolean NOT NULL DEFAULT false;
ALTER TABLE grants DROP CONSTRAINT grants_state_is_known;
ALTER TABLE grants ADD CONSTRAINT grants_state_is_known
  CHECK (state IN ('offered', 'accepted', 'received', 'declined', 'left', 'expired'));
CREATE INDEX grants_state_expires_at_idx ON grants (state, expires_at);

-- Neither session is a foreign key: one may be forgotten while what it sent or was sent is still kept.
CREATE TABLE outbox (
  id text NOT NULL,
  session_id text NOT NULL,
  sequence bigint NOT NULL,
  kind text NOT NULL,
  transfer_id text,
  sender_session_id text NOT NULL,
  sender_name text NOT NULL,
  text text,
  idempotency_key text,
  request_hash bytea,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at timestamptz(3) NOT NULL,
  seen_at timestamptz(3),
  dismissed_at timestamptz(3),
  CONSTRAINT outbox_pkey PRIMARY KEY (id),
  CONSTRAINT outbox_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES transfers (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT outbox_kind_is_known CHECK (kind IN ('offer', 'text')),
  CONSTRAINT outbox_kind_has_its_content CHECK ((kind = 'offer') = (transfer_id IS NOT NULL) AND (kind = 'text') = (text IS NOT NULL))
);
CREATE UNIQUE INDEX outbox_session_id_sequence_key ON outbox (session_id, sequence);
CREATE UNIQUE INDEX outbox_sender_session_id_idempotency_key_session_id_key
  ON outbox (sender_session_id, idempotency_key, session_id);
CREATE INDEX outbox_transfer_id_idx ON outbox (transfer_id);
CREATE INDEX outbox_kind_expires_at_idx ON outbox (kind, expires_at);

-- Bytes of a file that a recipient has, as half-open ranges: merging is repeatable and knows no order. `received`: its
-- socket took them, or its page wrote them; `written`: its page wrote them.
CREATE TABLE receipts (
  transfer_id text NOT NULL,
  session_id text NOT NULL,
  file_index integer NOT NULL,
  received int8multirange NOT NULL DEFAULT '{}',
  written int8multirange NOT NULL DEFAULT '{}',
  CONSTRAINT receipts_pkey PRIMARY KEY (transfer_id, session_id, file_index),
  CONSTRAINT receipts_transfer_id_session_id_fkey FOREIGN KEY (transfer_id, session_id)
    REFERENCES grants (transfer_id, session_id) ON DELETE CASCADE ON UPDATE CASCADE
);
