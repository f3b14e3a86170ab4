-- Purpose: what was told and is due to be looked at, the longest due first, or what was told about one
--   reference.
-- Parameters: $1 now (NULL: the server's clock), $2 limit, $3 provider, $4 account, $5 reference (NULL: of any).
-- Index: orch_answer_due_idx, in its order; orch_answer_once_idx for one reference.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
(SELECT a.number FROM orch_answer a
 WHERE $3::text IS NULL AND a.due_at <= (SELECT now FROM clock)
 ORDER BY a.due_at, a.number
 LIMIT $2)
UNION ALL
(SELECT a.number FROM orch_answer a
 WHERE a.provider = $3 AND a.account = $4 AND a.reference = $5 AND a.due_at IS NOT NULL
 ORDER BY a.number
 LIMIT $2)
