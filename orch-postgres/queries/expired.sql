-- Purpose: terminal operations that have expired, the longest expired first: a page for purge.sql.
-- Parameters: $1 now (NULL: the server's clock), $2 limit, $3 for how many seconds an operation is
--   kept that does not say when it expires.
-- Index: orch_write_ahead_log_purge_idx, in its order: a walk over what says it, one over what does not.
-- Shape: only reads, so that an idle Pruner writes nothing. A redriven operation stays as long as the new
--   one does.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
past AS MATERIALIZED (
    SELECT op_id FROM (
        (SELECT l.op_id, l.expires_at FROM orch_write_ahead_log l
         WHERE l.finished_at IS NOT NULL AND l.expires_at <= (SELECT now FROM clock)
           AND NOT EXISTS (SELECT FROM orch_dead_letter d
                           JOIN orch_operation anew ON anew.op_id = d.redriven_as
                           WHERE d.op_id = l.op_id)
         ORDER BY l.expires_at NULLS FIRST LIMIT $2)
        UNION ALL
        (SELECT l.op_id, l.finished_at + $3 * interval '1 second' FROM orch_write_ahead_log l
         WHERE l.finished_at IS NOT NULL AND l.expires_at IS NULL
           AND l.finished_at <= (SELECT now - $3 * interval '1 second' FROM clock)
           AND NOT EXISTS (SELECT FROM orch_dead_letter d
                           JOIN orch_operation anew ON anew.op_id = d.redriven_as
                           WHERE d.op_id = l.op_id)
         ORDER BY l.expires_at NULLS FIRST, l.finished_at LIMIT $2)
    ) expired
    ORDER BY expires_at
    LIMIT $2
)
SELECT c.now, o.op_id, o.domain, o.event_type
FROM past p CROSS JOIN clock c JOIN orch_operation o ON o.op_id = p.op_id
