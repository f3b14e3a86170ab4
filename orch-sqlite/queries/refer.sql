-- Purpose: which operation a reference is about, the latest.
-- Parameters: provider, account, reference, op_id.
-- Index: the primary key; orch_operation_op_id_idx.
INSERT INTO orch_reference (provider, account, reference, op_id)
SELECT ?1, ?2, ?3, op_id FROM orch_operation WHERE op_id = ?4
ON CONFLICT (provider, account, reference) DO UPDATE SET op_id = excluded.op_id
