-- Purpose: the log of one operation of an owner, oldest first.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx, orch_write_ahead_log_claim_idx.
-- Shape: in the order of writing; the clock may jump.
SELECT l.op_id, l.fence AS l_fence, l.late AS l_late, l.attempt AS l_attempt, l.worker AS l_worker,
       l.source AS l_source, l.started_at AS l_started_at, l.logged_at AS l_logged_at,
       l.outcome AS l_outcome, l.detail AS l_detail, l.after_ms AS l_after_ms,
       l.delay_ms AS l_delay_ms, l.state AS l_state, l.finalize_failures AS l_finalize_failures,
       l.finalize_due_at AS l_finalize_due_at, l.note AS l_note,
       l.hook_error AS l_hook_error, l.output AS l_output
FROM orch_operation AS o
CROSS JOIN orch_write_ahead_log AS l ON l.op_id = o.op_id
WHERE o.op_id = ?1 AND o.owner = ?2
ORDER BY l.rowid
