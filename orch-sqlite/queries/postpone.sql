-- Purpose: a finalize hook has failed: when to try again, and why.
-- Parameters: ?1 op_id, ?2 fence, ?3 finalize_due_at, ?4 hook_error.
-- Index: orch_write_ahead_log_claim_idx.
-- Shape: one row; failing hooks are rare.
UPDATE orch_write_ahead_log
SET hook_failures = hook_failures + 1, finalize_due_at = ?3, hook_error = ?4
WHERE op_id = ?1 AND fence = ?2 AND late = 0 AND status = 'PENDING'
