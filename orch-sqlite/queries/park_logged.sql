-- Purpose: the entry of an operation that park.sql has parked is no longer to be finalized.
-- Parameters: ?1 op_id, ?2 fence.
-- Index: orch_write_ahead_log_claim_idx.
-- Shape: one row, whatever is in its other columns.
UPDATE orch_write_ahead_log
SET status = 'COMPLETED', finalize_due_at = NULL
WHERE op_id = ?1 AND fence = ?2 AND late = 0 AND status = 'PENDING'
