-- Purpose: the newest namespace of provider keys.
-- Index: the primary key, from its end.
SELECT secret FROM orch_key_namespace ORDER BY number DESC LIMIT 1
