-- Purpose: one operation of an owner.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx; orch_write_ahead_log_claim_idx for the output.
SELECT * FROM orch_status WHERE op_id = ?1 AND owner = ?2
