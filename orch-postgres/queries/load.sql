-- Purpose: operations as they are, each with what is logged under a claim.
-- Parameters: $1 now (NULL: the server's clock), $2 op_id array, $3 fence array (of the entry).
-- Index: the primary keys.
-- Shape: the columns of sweep_expired.sql and sweep_over_budget.sql, so that one decoder serves.
SELECT coalesce($1::timestamptz, clock_timestamp()) AS now, a.asked_fence, s.*,
       l.fence AS entry_fence, l.late AS entry_late, l.attempt::bigint AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms,
       l.status AS entry_status, l.hook_failures::bigint AS entry_hook_failures,
       l.finalize_due_at AS entry_due_at, l.note AS entry_note, l.hook_error AS entry_hook_error
FROM unnest($2::uuid[], $3::bigint[]) AS a(op_id, asked_fence)
JOIN orch_status s ON s.op_id = a.op_id
LEFT JOIN orch_write_ahead_log l
    ON l.op_id = a.op_id AND l.fence = a.asked_fence AND NOT l.late
