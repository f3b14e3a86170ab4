-- Purpose: the kinds that have due operations but are not among those given, with how many.
-- Parameters: $1 now (NULL: the server's clock), $2 array of the known kinds, $3 the most to
--   count of a kind.
-- Index: orch_queue_claim_idx: one search per kind that has work, then a bounded count.
-- Shape: walks from kind to kind; GROUP BY would read the whole backlog.
WITH RECURSIVE clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
walk(kind) AS (
    (SELECT q.kind FROM orch_queue q WHERE q.due_at IS NOT NULL ORDER BY q.kind LIMIT 1)
    UNION ALL
    SELECT (SELECT q.kind FROM orch_queue q
            WHERE q.due_at IS NOT NULL AND q.kind > walk.kind ORDER BY q.kind LIMIT 1)
    FROM walk WHERE walk.kind IS NOT NULL
)
SELECT w.kind, counted.due
FROM walk w,
LATERAL (
    SELECT count(*) AS due FROM (
        SELECT 1 FROM orch_queue q
        WHERE q.kind = w.kind AND q.due_at IS NOT NULL AND q.due_at <= (SELECT now FROM clock)
        LIMIT $3) due
) counted
WHERE w.kind IS NOT NULL AND w.kind <> ALL($2::text[]) AND counted.due > 0
