-- Purpose: parks a row that cannot be decoded, so that it holds up nobody.
-- Parameters: ?1 op_id, ?2 the reason, ?3 the fence if the row must be under this one.
-- Index: orch_operation_op_id_idx.
-- Shape: sets every column that a CHECK looks at, whatever is in the others.
UPDATE orch_operation
SET status = 'IN_PROGRESS', phase = 'parked', fence = fence + 1, due_at = NULL,
    lease_expires_at = NULL, worker = NULL, started_at = NULL, reason = ?2
WHERE op_id = ?1 AND status IN ('PENDING', 'IN_PROGRESS') AND (?3 IS NULL OR fence = ?3)
