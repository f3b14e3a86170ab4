-- Purpose: what was asked for, which a finalize hook is told; load.sql does not read it.
-- Parameters: ?1 op_id.
-- Index: orch_operation_op_id_idx.
SELECT owner, domain, event_type, biz_key, idem_key, payload, accepted_at, redrive_of, redrive,
       key_seed
FROM orch_operation
WHERE op_id = ?1
