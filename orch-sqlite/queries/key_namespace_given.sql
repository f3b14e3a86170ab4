-- Purpose: keeps a namespace of provider keys that the application gives.
-- Parameters: ?1 now, ?2 secret.
-- Index: that of the secret, which decides whether it is new.
INSERT INTO orch_key_namespace (created_at, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING
