-- Purpose: writes moved rows back.
-- Parameters, per row: op_id, then the guard (fence and state as they were loaded), then every
--   column that a move can change.
-- Index: orch_operation_op_id_idx, a search per row.
-- Shape: one statement for a batch in which every operation moves differently. The guard holds
--   anyway inside the write transaction; that it matched every row is checked after. The + keeps
--   the planner from indexing the batch and scanning the table, as it likes to without ANALYZE.
UPDATE orch_operation INDEXED BY orch_operation_op_id_idx
SET state = v.column4, phase = v.column5, attempt = v.column6, fence = v.column7,
    retries = v.column8, lost_attempts = v.column9, reconciles = v.column10,
    unresolved = v.column11, deadline = v.column12, due_at = v.column13,
    lease_expires_at = v.column14, worker = v.column15, attempt_started_at = v.column16,
    max_attempts = v.column17, backoff_base_ms = v.column18, backoff_cap_ms = v.column19,
    in_doubt = v.column20, hooked = v.column21, outcome = v.column22, settled_fence = v.column23,
    failure = v.column24, finished_at = v.column25, reason = v.column26
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)/*row*/) AS v
WHERE orch_operation.op_id = +v.column1
  AND orch_operation.fence = v.column2
  AND orch_operation.state = v.column3
