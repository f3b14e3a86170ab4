-- Purpose: the log of one operation of an owner, oldest first.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx, orch_write_ahead_log_claim_idx.
-- Shape: in the order of writing; the clock may jump.
SELECT l.fence AS entry_fence, l.late AS entry_late, l.attempt AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms,
       l.status AS entry_status, l.hook_failures AS entry_hook_failures,
       l.finalize_due_at AS entry_due_at, l.note AS entry_note, l.hook_error AS entry_hook_error
FROM orch_operation AS o
CROSS JOIN orch_write_ahead_log AS l ON l.op_id = o.op_id
WHERE o.op_id = ?1 AND o.owner = ?2
ORDER BY l.rowid
