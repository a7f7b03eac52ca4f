-- safe from: 0001_initial
-- When an operator gave up on a node. It holds while the node was not seen later, so a node that comes back takes it back
-- by itself, whatever its release.
ALTER TABLE nodes ADD COLUMN given_up_at timestamptz(3);
