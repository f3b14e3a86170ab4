-- Purpose: moves the end of leases.
-- Parameters: ?1 new end, ?2 a JSON array of [op_id in hex, fence].
-- Index: orch_operation_op_id_idx, a search per lease.
-- Shape: one statement for all leases of a worker, no BEGIN. Guard: the fence, and a lease that
--   nobody has taken back; an expired one still counts until then.
UPDATE orch_operation INDEXED BY orch_operation_op_id_idx
SET lease_expires_at = ?1
FROM json_each(?2) AS v
WHERE orch_operation.op_id = unhex(v.value ->> 0)
  AND orch_operation.fence = v.value ->> 1
  AND orch_operation.status = 'IN_PROGRESS'
  AND orch_operation.lease_expires_at IS NOT NULL
RETURNING op_id, fence
