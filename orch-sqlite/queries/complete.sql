-- Purpose: S3, second half: marks logged entries as finalized.
-- Parameters, per row: op_id, fence.
-- Index: orch_write_ahead_log_claim_idx, a search per row.
-- Shape: guarded by the old status, as every UPDATE. IN and not FROM: joined, the planner scans
--   the log and indexes the batch.
UPDATE orch_write_ahead_log INDEXED BY orch_write_ahead_log_claim_idx
SET status = 'COMPLETED', finalize_due_at = NULL
WHERE (op_id, fence) IN (VALUES /*row*/(?, ?)/*row*/) AND late = 0 AND status = 'PENDING'
