-- safe from: 0001_initial
-- What streams under a download lease may still send, whichever node they are on.
ALTER TABLE leases ADD COLUMN flights jsonb NOT NULL DEFAULT '{}';
