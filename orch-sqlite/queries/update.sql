-- Purpose: writes what has changed in log entries: they are finalized, or their hook has failed.
-- Parameters, per row: op_id, fence, status, finalize_due_at, hook_failures, hook_error.
-- Index: orch_write_ahead_log_claim_idx, a search per row.
-- Shape: as save.sql. Guarded by the old status, as every UPDATE.
UPDATE orch_write_ahead_log INDEXED BY orch_write_ahead_log_claim_idx
SET status = v.column3, finalize_due_at = v.column4, hook_failures = v.column5,
    hook_error = v.column6
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?)/*row*/) AS v
WHERE orch_write_ahead_log.op_id = +v.column1
  AND orch_write_ahead_log.fence = v.column2
  AND orch_write_ahead_log.late = 0
  AND orch_write_ahead_log.status = 'PENDING'
