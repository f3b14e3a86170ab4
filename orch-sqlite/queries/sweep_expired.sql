-- Purpose: the operations whose lease has expired, the longest expired first.
-- Parameters: ?1 now, ?2 limit.
-- Index: orch_operation_lease_idx, in its order.
-- Shape: every row found is moved or parked, so a page never fills with rows that stay.
SELECT op_id FROM orch_operation INDEXED BY orch_operation_lease_idx
WHERE lease_expires_at IS NOT NULL AND lease_expires_at <= ?1
ORDER BY lease_expires_at LIMIT ?2
