-- Purpose: where operations stand, each with what is logged under a claim.
-- Parameters: $1 now (NULL: the server's clock), $2 op_id array, $3 fence array (of the entry).
-- Index: the primary keys.
-- Shape: the columns of sweep_expired.sql and sweep_over_budget.sql, so that one decoder serves.
SELECT coalesce($1::timestamptz, clock_timestamp()) AS now, a.asked_fence, s.*,
       l.outcome AS entry_outcome, l.detail AS entry_detail, l.output AS entry_output,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms, l.source AS entry_source,
       l.state AS entry_state, l.logged_at AS entry_logged_at,
       l.finalize_failures AS entry_finalize_failures
FROM unnest($2::uuid[], $3::bigint[]) AS a(op_id, asked_fence)
JOIN orch_status s ON s.op_id = a.op_id
LEFT JOIN orch_write_ahead_log l
    ON l.op_id = a.op_id AND l.fence = a.asked_fence AND NOT l.late
