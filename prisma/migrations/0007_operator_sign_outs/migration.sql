-- safe from: 0001_initial
-- Sign-ins of operators that were ended before their time, each as `<expiry in seconds>.<id>`, the last ones to expire.
ALTER TABLE cluster ADD COLUMN operator_signed_out text[] NOT NULL DEFAULT '{}';
