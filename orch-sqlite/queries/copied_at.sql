-- Purpose: the latest incarnation that began as a copy, 0 if none did.
-- Index: none: there are as many rows as fail-overs and restores.
SELECT coalesce(max(number), 0) AS number FROM orch_incarnation WHERE confirmed_as = 'copied'
