-- Purpose: the incarnation since which histories are whole.
-- Index: the primary key, from its end.
SELECT whole_since::bigint FROM orch_incarnation ORDER BY number DESC LIMIT 1
