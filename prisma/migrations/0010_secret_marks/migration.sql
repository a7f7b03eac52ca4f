-- safe from: 0001_initial
-- What a node's CLUSTER_SECRET is recognized by, and since when the node has been here with it: nodes with different ones ignore
-- each other, and only here can they find that out.
ALTER TABLE nodes ADD COLUMN secret_mark text;
ALTER TABLE nodes ADD COLUMN secret_since timestamptz(3);
