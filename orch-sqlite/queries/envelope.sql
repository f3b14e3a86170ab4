-- Purpose: what a finalize hook is told about its operation, beside what load.sql has read.
-- Parameters: ?1 op_id.
-- Index: orch_operation_op_id_idx.
SELECT owner, domain, event_type, biz_key, idem_key, payload, accepted_at
FROM orch_operation
WHERE op_id = ?1
