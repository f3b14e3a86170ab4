-- Purpose: writes moved rows back.
-- Parameters, per row: op_id, then the guard (fence and status as they were loaded), then every
--   column that a move can change.
-- Index: orch_operation_op_id_idx, a search per row.
-- Shape: one statement for a batch in which every operation moves differently. The guard holds
--   anyway inside the write transaction; that it matched every row is checked after. The + keeps
--   the planner from indexing the batch and scanning the table, as it likes to without ANALYZE.
UPDATE orch_operation INDEXED BY orch_operation_op_id_idx
SET status = v.column4, phase = v.column5, attempt = v.column6, fence = v.column7,
    retries = v.column8, lost_attempts = v.column9, reconciles = v.column10,
    key_generation = v.column11, deadline = v.column12, due_at = v.column13,
    lease_expires_at = v.column14, worker = v.column15, started_at = v.column16,
    first_called_at = v.column17, max_attempts = v.column18, backoff_base_ms = v.column19,
    backoff_cap_ms = v.column20, in_doubt = v.column21, max_reconciles = v.column22,
    replays_errors = v.column23, hooked = v.column24, outcome = v.column25,
    finished_fence = v.column26, failure = v.column27, finished_at = v.column28,
    reason = v.column29, incarnation = v.column30, unhandled_since = v.column31,
    completed_retention_s = v.column32, failed_retention_s = v.column33,
    expires_at = v.column34, uncounted = v.column35, max_uncounted = v.column36,
    already_done = v.column37, submitted = v.column38
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
              ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)/*row*/) AS v
WHERE orch_operation.op_id = +v.column1
  AND orch_operation.fence = v.column2
  AND orch_operation.status = v.column3
