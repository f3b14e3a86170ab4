-- Purpose: S3, second half: marks logged entries as finalized.
-- Parameters, per row: op_id, fence.
-- Index: orch_write_ahead_log_claim_idx, a search per row.
-- Shape: guarded by the old state, as every UPDATE.
UPDATE orch_write_ahead_log INDEXED BY orch_write_ahead_log_claim_idx
SET state = 'COMPLETED', finalize_due_at = NULL
FROM (VALUES /*row*/(?, ?)/*row*/) AS v
WHERE orch_write_ahead_log.op_id = v.column1
  AND orch_write_ahead_log.fence = v.column2
  AND orch_write_ahead_log.late = 0
  AND orch_write_ahead_log.state = 'PENDING'
