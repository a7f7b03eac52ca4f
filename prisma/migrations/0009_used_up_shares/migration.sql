-- safe from: 0001_initial
-- The leader looks for shares whose downloads are used up, once a second: among those with a limit, not among all.
CREATE INDEX transfers_state_max_downloads_idx ON transfers (state, max_downloads);
