-- Purpose: the newest incarnation.
-- Index: the primary key, from its end.
SELECT number, whole_since, opened_at, confirmed_at, confirmed_as, difference, inode, born_at
FROM orch_incarnation
ORDER BY number DESC LIMIT 1
