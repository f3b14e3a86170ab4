-- Purpose: parks an operation that cannot be decoded, so that it holds up no other.
-- Parameters: ?1 op_id, ?2 the fence if it must be the latest one, ?3 the reason.
-- Index: orch_operation_op_id_idx.
-- Shape: the fence goes up as by Fence::next with ClaimId::NONE. Sets every column that a CHECK looks at, whatever is in the others.
UPDATE orch_operation
SET status = 'IN_PROGRESS', phase = 'parked', fence = min((fence >> 39) + 1, 16777215) << 39, due_at = NULL,
    lease_expires_at = NULL, worker = NULL, started_at = NULL, reason = ?3
WHERE op_id = ?1 AND status IN ('PENDING', 'IN_PROGRESS') AND (?2 IS NULL OR fence = ?2)
