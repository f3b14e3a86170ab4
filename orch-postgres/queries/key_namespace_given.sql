-- Purpose: keeps a namespace of provider keys that the application gives.
-- Parameters: $1 secret.
-- Index: that of the secret, which decides whether it is new.
-- Shape: looks first, so that a role that may not write the table can be given one that is there.
INSERT INTO orch_key_namespace (created_at, secret)
SELECT clock_timestamp(), $1
WHERE NOT EXISTS (SELECT FROM orch_key_namespace WHERE secret = $1)
ON CONFLICT DO NOTHING
