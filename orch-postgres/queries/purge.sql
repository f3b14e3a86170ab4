-- Purpose: removes terminal operations past their retention with all that belongs to them, the
--   longest finished first.
-- Parameters: $1 now (NULL: the server's clock), $2 completed_after_ms, $3 failed_after_ms,
--   $4 limit.
-- Index: orch_write_ahead_log_completed_idx and orch_write_ahead_log_failed_idx, in their order.
-- Shape: a redriven operation stays as long as the new one does. One walk per retention, so that failed operations, which are kept longer, never stand
--   in the way of completed ones. SKIP LOCKED: two purges share the work.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
past AS MATERIALIZED (
    SELECT op_id FROM (
        (SELECT l.op_id, l.finished_at FROM orch_write_ahead_log l
         WHERE l.finished_at IS NOT NULL AND l.outcome = 'OK'
           AND l.finished_at <= (SELECT now - $2 * interval '1 millisecond' FROM clock)
         ORDER BY l.finished_at LIMIT $4)
        UNION ALL
        (SELECT l.op_id, l.finished_at FROM orch_write_ahead_log l
         WHERE l.finished_at IS NOT NULL AND l.outcome <> 'OK'
           AND l.finished_at <= (SELECT now - $3 * interval '1 millisecond' FROM clock)
           AND NOT EXISTS (SELECT FROM orch_dead_letter d
                           JOIN orch_operation anew ON anew.op_id = d.redriven_as
                           WHERE d.op_id = l.op_id)
         ORDER BY l.finished_at LIMIT $4)
    ) both_kinds
    ORDER BY finished_at
    LIMIT $4
),
locked AS MATERIALIZED (
    SELECT o.op_id FROM past p JOIN orch_operation o ON o.op_id = p.op_id
    FOR UPDATE OF o SKIP LOCKED
),
letters AS (
    DELETE FROM orch_dead_letter d USING locked l WHERE d.op_id = l.op_id
),
entries AS (
    DELETE FROM orch_write_ahead_log w USING locked l WHERE w.op_id = l.op_id
)
DELETE FROM orch_operation o USING locked l WHERE o.op_id = l.op_id
RETURNING o.op_id
